import assert from 'node:assert/strict';
import { createOperationDescriptor, getRequest, type GraphQLResponse } from 'relay-runtime';
import { socket as openSocket } from '../socket';
import type { relayRunsQuery } from './__generated__/relayRunsQuery.graphql';
import type { relayJobSubscription } from './__generated__/relayJobSubscription.graphql';
import type { relaySyncMutation } from './__generated__/relaySyncMutation.graphql';

// #region environment
import {
  Environment, Network, Observable, RecordSource, Store, type FetchFunction, type SubscribeFunction,
} from 'relay-runtime';
import { api, authorization } from '../session';
import { socket } from '../socket';

/** With `persistConfig` Relay knows a document's id only; without it, its text. */
const named = ({ id, text }: { id: string | null | undefined; text: string | null | undefined }) =>
  id ? { documentId: id } : { query: text };

const fetchQuery: FetchFunction = async (request, variables) => {
  const response = await fetch(`${api}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...authorization() },
    body: JSON.stringify({ ...named(request), variables }),
  });
  return response.json(); // Relay throws if there are `errors` and no data
};

const subscribe: SubscribeFunction = (request, variables) =>
  Observable.create((sink) => socket.subscribe({ ...named(request), query: request.text ?? '', variables }, sink as never));

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
// #endregion paging

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

export async function check(athlete: string): Promise<void> {
  let cursor: string | null = null;
  for (let more = true; more;) {
    const variables: relayRunsQuery['variables'] = { athlete, cursor };
    const operation = createOperationDescriptor(getRequest(Runs), variables);
    const kept = environment.retain(operation);
    assert.ok(kept);
    const data: relayRunsQuery['response'] = (await fetchOnce<relayRunsQuery>(environment, Runs, variables).toPromise())!;
    ({ endCursor: cursor = null, hasNextPage: more } = data.athlete!.activities.pageInfo);
  }
  const list = environment.getStore().getSource().get(`client:${athlete}:__RunList_activities_connection`);
  assert.equal((list!.edges as { __refs: string[] }).__refs.length, 48);
  const bad = await fetchOnce<relayRunsQuery>(environment, Runs, { athlete: null as never }).toPromise().catch((error: unknown) => error);
  assert.deepEqual(codesOf(bad), ['BAD_USER_INPUT']);
  const started = await environment
    .executeMutation({ operation: createOperationDescriptor(getRequest(Sync), { athlete } satisfies relaySyncMutation['variables']) })
    .toPromise() as GraphQLResponse & { data: relaySyncMutation['response'] };
  const states: string[] = [];
  await new Promise<void>((onCompleted, onError) => {
    watchJob(started.data.syncStrava.job!.id, { onNext: (status) => states.push(status), onCompleted, onError });
  });
  assert.equal(states.at(-1), 'SUCCEEDED');
  await openSocket.dispose();
}
