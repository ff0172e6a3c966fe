import assert from 'node:assert/strict';
import { createOperationDescriptor, getRequest } from 'relay-runtime';
import { socket as openSocket } from '../socket';
import type { relayChangesSubscription } from './__generated__/relayChangesSubscription.graphql';
import type { relayClockQuery } from './__generated__/relayClockQuery.graphql';
import type { relayPageQuery } from './__generated__/relayPageQuery.graphql';
import type { relayRunsQuery } from './__generated__/relayRunsQuery.graphql';
import type { relayJobSubscription } from './__generated__/relayJobSubscription.graphql';
import type { relayStreamedQuery } from './__generated__/relayStreamedQuery.graphql';
import type { relayDeleteMutation } from './__generated__/relayDeleteMutation.graphql';
import type { relayRenameMutation } from './__generated__/relayRenameMutation.graphql';
import type { relayRestoreMutation } from './__generated__/relayRestoreMutation.graphql';
import type { relayRefusedSubscription } from './__generated__/relayRefusedSubscription.graphql';
import type { relaySyncMutation } from './__generated__/relaySyncMutation.graphql';

// #region environment
import { meros } from 'meros/browser';
import {
  Environment, Network, Observable, RecordSource, Store, type FetchFunction, type GraphQLResponse, type SubscribeFunction,
} from 'relay-runtime';
import { api, authorization } from '../session';
import { socket } from '../socket';

/** With `persistConfig` Relay knows a document's id only; without it, its text. */
const named = ({ id, text }: { id: string | null | undefined; text: string | null | undefined }) =>
  id ? { documentId: id } : { query: text };

/** For @defer and @stream: Relay knows parts by their paths and labels. */
const accept = 'multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json';

const fetchQuery: FetchFunction = (request, variables) =>
  Observable.create((sink) => {
    const abort = new AbortController();
    const read = async () => {
      const response = await fetch(`${api}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, ...authorization() },
        body: JSON.stringify({ ...named(request), variables }),
        signal: abort.signal,
      });
      const parts = await meros<Part>(response);
      if (parts instanceof Response) {
        const whole = await parts.json();
        sink.next({ ...whole, extensions: { ...whole.extensions, is_final: true } }); // Relay throws if there is no data
        return;
      }
      for await (const part of parts) if (part.json) responsesOf(part.body).forEach((each) => sink.next(each));
    };
    read().then(() => sink.complete(), (error: Error) => sink.error(error));
    return () => abort.abort();
  });

type Part = {
  data?: unknown; errors?: unknown[]; hasNext: boolean;
  incremental?: { path: (string | number)[]; label?: string; data?: unknown; items?: unknown[] | null; errors?: unknown[] }[];
};

/** What Relay reads of a part: the first as it is, then a response for each fragment and entry. */
const responsesOf = ({ incremental = [], ...part }: Part): GraphQLResponse[] => [
  ...('data' in part ? [{ ...part, extensions: { is_final: !part.hasNext } }] : []),
  ...incremental.flatMap(({ items, path, ...fragment }) =>
    items?.map((data, index) => ({ ...fragment, data, path: [...path.slice(0, -1), (path.at(-1) as number) + index] })) ??
      [{ ...fragment, path }]),
] as GraphQLResponse[];

const subscribe: SubscribeFunction = (request, variables) =>
  Observable.create((sink) => socket.subscribe(
    { ...named(request), query: request.text ?? '', variables },
    { next: (result) => sink.next(result as GraphQLResponse), complete: () => sink.complete(), error: (problem) => sink.error(asError(problem)) },
  ));

/** graphql-ws tells of refusals as a list of errors, and of a closed socket as an event; Relay wants an Error of both. */
const asError = (problem: unknown): Error => {
  if (problem instanceof Error) return problem;
  if (!Array.isArray(problem)) return new Error(`The socket was closed: ${(problem as CloseEvent).code} ${(problem as CloseEvent).reason}`);
  return Object.assign(new Error(problem.map(({ message }) => message).join('\n')), { source: { errors: problem } });
};

export const environment = new Environment({
  network: Network.create(fetchQuery, subscribe),
  store: new Store(new RecordSource()), // every object with an id is one record: no keys to set
});
// #endregion environment

// #region paging
import { graphql } from 'relay-runtime';

/** `usePaginationFragment(RunList, athlete)` gives `loadNext` and `hasNext` for it. */
export const RunList = graphql`
  fragment relayRunList_athlete on Athlete
  @refetchable(queryName: "relayRunListPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    activities(first: $count, after: $cursor) @connection(key: "RunList_activities") {
      edges { node { id name startedAtLocal distanceMeters } }
    }
  }
`;

export const Runs = graphql`
  query relayRunsQuery($athlete: ID!, $cursor: String) {
    athlete(id: $athlete) {
      ...relayRunList_athlete @arguments(cursor: $cursor)
      activities(first: 20, after: $cursor) { pageInfo { endCursor hasNextPage } }
    }
  }
`;

/** The count by itself, so that not each page counts. A deletion brings the new one to the same record. */
export const Count = graphql`
  fragment relayCount_athlete on Athlete { count: activities { totalCount } }
`;
// #endregion paging

// #region parts
export const Details = graphql`
  fragment relayDetails_activity on Activity { sportType movingTimeSeconds }
`;

export const Page = graphql`
  query relayPageQuery($athlete: ID!) {
    athlete(id: $athlete) {
      activities(first: 8) {
        nodes @stream(initialCount: 3, label: "runs") { id name ...relayDetails_activity @defer(label: "details") }
      }
      ...relayBests_athlete @defer(label: "bests")
    }
  }
`;

export const Bests = graphql`
  fragment relayBests_athlete on Athlete { personalBests { distance elapsedTimeSeconds } }
`;

/** A list that pages on: Relay puts off `pageInfo` by itself, so the first three runs come at once. */
export const Streamed = graphql`
  query relayStreamedQuery($athlete: ID!) {
    athlete(id: $athlete) {
      activities(first: 12) @stream_connection(key: "Streamed_activities", initial_count: 3, label: "list") {
        edges { node { id name } }
      }
    }
  }
`;
// #endregion parts

// #region subscription
import { requestSubscription } from 'relay-runtime';

export const JobSubscription = graphql`
  subscription relayJobSubscription($id: ID!) {
    jobUpdated(id: $id) { id status version progress { percent } }
  }
`;

/** The job's record changes, and whoever shows it follows. */
export const watchJob = (id: string, done: { onNext: (status: string) => void; onCompleted: () => void; onError: (error: Error) => void }) =>
  requestSubscription<relayJobSubscription>(environment, {
    subscription: JobSubscription,
    variables: { id },
    ...done,
    onNext: (event) => done.onNext(event!.jobUpdated.status),
  });
// #endregion subscription

// #region changes
export const ChangesSubscription = graphql`
  subscription relayChangesSubscription($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) {
      activities { id name distanceMeters }
      deletedActivityIds @deleteRecord
      personalBests { id elapsedTimeSeconds }
      athlete { id displayName gear { id name retired } }
      isComplete
      changedAt
    }
  }
`;

/**
 * What syncs, imports and other clients change. `useSubscribeToInvalidationState([athlete], refetch)` asks again for lists.
 * `since` is the `now` that came with what is shown.
 */
export const watchChanges = (athlete: string, since: string, onError: (error: Error) => void) =>
  requestSubscription<relayChangesSubscription>(environment, {
    subscription: ChangesSubscription,
    variables: { athlete, since },
    updater: (store) => store.get(athlete)?.invalidateRecord(),
    onError,
  });
// #endregion changes

// #region mutations
import { commitMutation } from 'relay-runtime';

const Rename = graphql`
  mutation relayRenameMutation($input: UpdateActivityInput!) @raw_response_type {
    updateActivity(input: $input) { activity { id name } userErrors { message } }
  }
`;

/** The new name shows at once. If it is refused, the old one comes back. */
export const rename = (activityId: string, name: string, done: { onCompleted: (refused: string[]) => void; onError: (error: Error) => void }) =>
  commitMutation<relayRenameMutation>(environment, {
    mutation: Rename,
    variables: { input: { activityId, name } },
    optimisticResponse: { updateActivity: { activity: { id: activityId, name }, userErrors: [] } },
    onCompleted: ({ updateActivity }) => done.onCompleted(updateActivity.userErrors.map(({ message }) => message)),
    onError: done.onError,
  });

const Delete = graphql`
  mutation relayDeleteMutation($input: DeleteActivityInput!, $lists: [ID!]!) {
    deleteActivity(input: $input) {
      deletedActivityId @deleteEdge(connections: $lists) @deleteRecord
      athlete { id ...relayCount_athlete ...relayBests_athlete }
      userErrors { message }
    }
  }
`;

/** `lists` are the `__id` of the connections that show it. The count and the bests come with the answer. */
export const remove = (activityId: string, lists: string[], onCompleted: () => void) =>
  commitMutation<relayDeleteMutation>(environment, {
    mutation: Delete,
    variables: { input: { activityId }, lists },
    onCompleted,
  });
// #endregion mutations

// #region errors
import { fetchQuery as fetchOnce } from 'relay-runtime';

/** The codes of an error: docs/errors.md has each. */
export const codesOf = (error: unknown): unknown[] =>
  (error as { source?: GraphQLErrors }).source?.errors.map(({ extensions }) => extensions?.code) ?? [];

type GraphQLErrors = { errors: { extensions?: { code: string } }[] };
// #endregion errors

const Sync = graphql`
  mutation relaySyncMutation($athlete: ID!) {
    syncStrava(input: { athleteId: $athlete }) { job { id status } userErrors { code } }
  }
`;

const Restore = graphql`
  mutation relayRestoreMutation($activity: ID!) {
    restoreActivity(input: { activityId: $activity }) { job { id } userErrors { message } }
  }
`;

const Clock = graphql`
  query relayClockQuery { now }
`;

const Refused = graphql`
  subscription relayRefusedSubscription($id: ID!) {
    jobUpdated(id: $id) { id status }
  }
`;

const untilEnded = (job: string): Promise<string[]> => new Promise((complete, onError) => {
  const states: string[] = [];
  watchJob(job, { onNext: (status) => states.push(status), onCompleted: () => complete(states), onError });
});

/** What is refused over the socket is an error with codes, too. */
async function checkRefusal(): Promise<void> {
  const refused = await new Promise((onError, fail) => {
    requestSubscription<relayRefusedSubscription>(environment, {
      subscription: Refused, variables: { id: 'x' }, onError, onCompleted: () => fail(new Error('it ended')),
    });
  });
  assert.ok(refused instanceof Error);
  assert.deepEqual(codesOf(refused), ['INVALID_ID']);
}

async function checkMutations(athlete: string): Promise<void> {
  const listId = `client:${athlete}:__RunList_activities_connection`;
  const record = (id: string) => environment.getStore().getSource().get(id)!;
  const edges = () => (record(listId).edges as { __refs: string[] }).__refs;
  const activity = (record(edges()[3]!).node as { __ref: string }).__ref;
  const name = record(activity).name as string;
  const renaming = (to: string): Promise<string[]> =>
    new Promise((onCompleted, onError) => void rename(activity, to, { onCompleted, onError }));
  const renamed = renaming('Shown at once');
  assert.equal(record(activity).name, 'Shown at once');
  assert.deepEqual(await renamed, []);
  assert.match((await renaming(''))[0]!, /`name` must be/);
  assert.equal(record(activity).name, 'Shown at once');
  await renaming(name);
  const before = edges().length;
  await new Promise<void>((done) => void remove(activity, [listId], done));
  assert.equal(edges().length, before - 1);
  assert.equal(record(`client:${athlete}:activities`).totalCount, 47);
  const { restoreActivity } = (await environment
    .executeMutation({ operation: createOperationDescriptor(getRequest(Restore), { activity } satisfies relayRestoreMutation['variables']) })
    .toPromise() as GraphQLResponse & { data: relayRestoreMutation['response'] }).data;
  assert.equal((await untilEnded(restoreActivity.job!.id)).at(-1), 'SUCCEEDED');
}

async function checkParts(athlete: string): Promise<void> {
  const operation = createOperationDescriptor(getRequest(Page), { athlete } satisfies relayPageQuery['variables']);
  environment.retain(operation);
  let payloads = 0;
  await new Promise<void>((complete, error) => {
    environment.execute({ operation }).subscribe({ next: () => void payloads++, complete, error });
  });
  assert.ok(payloads > 1, String(payloads));
  const source = environment.getStore().getSource();
  const nodes = source.get(`client:${athlete}:activities(first:8)`)!.nodes as { __refs: string[] };
  assert.equal(nodes.__refs.length, 8);
  for (const id of nodes.__refs) assert.ok(source.get(id)!.sportType, id);
  const bests = source.get(athlete)!.personalBests as { __refs: string[] };
  for (const id of bests.__refs) assert.ok(source.get(id)!.elapsedTimeSeconds, id);
}

async function checkConnection(athlete: string): Promise<void> {
  const operation = createOperationDescriptor(getRequest(Streamed), { athlete } satisfies relayStreamedQuery['variables']);
  environment.retain(operation);
  const record = (id: string) => environment.getStore().getSource().get(id);
  const list = () => record(`client:${athlete}:__Streamed_activities_connection`);
  const edges = () => (list()?.edges as { __refs: string[] } | undefined)?.__refs ?? [];
  const counts = new Set<number>();
  await new Promise<void>((complete, error) => {
    environment.execute({ operation }).subscribe({ next: () => void counts.add(edges().length), complete, error });
  });
  assert.deepEqual([Math.min(...counts), Math.max(...counts)], [3, 12]);
  const pageInfo = record((list()!.pageInfo as { __ref: string }).__ref)!;
  assert.equal(pageInfo.hasNextPage, true);
  assert.equal(pageInfo.endCursor, record(edges().at(-1)!)!.cursor);
}

/** Another client renames: the record here follows. */
const send = (query: string): Promise<Response> =>
  fetch(`${api}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...authorization() }, body: JSON.stringify({ query }) });

async function checkChanges(athlete: string, id: string): Promise<void> {
  const isRenamed = () => environment.getStore().getSource().get(id)?.name === 'Told to others';
  let failed: Error | undefined;
  const page = await fetchOnce<relayClockQuery>(environment, Clock, {}).toPromise();
  watchChanges(athlete, page!.now, (error) => { failed = error; });
  await send(`mutation { updateActivity(input: { activityId: "${id}", name: "Told to others" }) { userErrors { code } } }`);
  for (let tries = 0; !isRenamed(); tries++) {
    assert.ok(!failed && tries < 1000, String(failed));
    await new Promise((again) => setTimeout(again, 10));
  }
  await send(`mutation { createGear(input: { athleteId: "${athlete}", name: "Told to Relay" }) { userErrors { code } } }`);
  const names = () => Object.values(environment.getStore().getSource().toJSON()).map((each) => each?.name);
  for (let tries = 0; !names().includes('Told to Relay'); tries++) {
    assert.ok(!failed && tries < 1000, String(failed));
    await new Promise((again) => setTimeout(again, 10));
  }
}

export async function check(athlete: string): Promise<void> {
  await checkParts(athlete);
  await checkConnection(athlete);
  let cursor: string | null = null;
  for (let more = true; more;) {
    const variables: relayRunsQuery['variables'] = { athlete, cursor };
    const operation = createOperationDescriptor(getRequest(Runs), variables);
    const kept = environment.retain(operation);
    assert.ok(kept);
    const data: relayRunsQuery['response'] = (await fetchOnce<relayRunsQuery>(environment, Runs, variables).toPromise())!;
    ({ endCursor: cursor = null, hasNextPage: more } = data.athlete!.activities!.pageInfo);
  }
  const list = environment.getStore().getSource().get(`client:${athlete}:__RunList_activities_connection`);
  assert.equal((list!.edges as { __refs: string[] }).__refs.length, 48);
  const bad = await fetchOnce<relayRunsQuery>(environment, Runs, { athlete: null as never }).toPromise().catch((error: unknown) => error);
  assert.deepEqual(codesOf(bad), ['BAD_USER_INPUT']);
  const started = await environment
    .executeMutation({ operation: createOperationDescriptor(getRequest(Sync), { athlete } satisfies relaySyncMutation['variables']) })
    .toPromise() as GraphQLResponse & { data: relaySyncMutation['response'] };
  assert.equal((await untilEnded(started.data.syncStrava.job!.id)).at(-1), 'SUCCEEDED');
  await checkRefusal();
  await checkMutations(athlete);
  await checkChanges(athlete, ((list!.edges as { __refs: string[] }).__refs).map((edge) => (environment.getStore().getSource().get(edge)!.node as { __ref: string }).__ref)[5]!);
  await openSocket.dispose();
}
