import assert from 'node:assert/strict';
import { socket as openSocket } from './socket';

// #region client
import { Client, fetchExchange, gql, stringifyDocument, subscriptionExchange, type CombinedError, type OperationResult } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { persistedExchange } from '@urql/exchange-persisted';
import { api, authorization } from './session';
import { socket } from './socket';

/** Objects without an id: they are stored inside the object that has them. */
const EMBEDDED = [
  'ActivityConnection', 'ActivityStreams', 'AgeGrade', 'AthleteChanges', 'AthleteConnection', 'BestEffortConnection', 'CriticalSpeed',
  'DeletedActivity', 'DeletedActivityConnection', 'DistanceInfo', 'Export', 'HeartRateZone', 'HeartRateZoneTime', 'ImportEntry', 'ImportEntryConnection',
  'JobConnection', 'JobError', 'JobProblem', 'JobProgress', 'JobResult', 'Lap', 'LapConnection', 'Pacing', 'PageInfo',
  'PersonalBestChange', 'PersonalBestConnection', 'RacePrediction', 'RateLimit', 'Route', 'RouteBounds', 'Split', 'SplitConnection',
  'StravaAccount', 'StravaQuota', 'StravaQuotaLimit', 'SyncProblem', 'TrainingLoadDay', 'TrainingSummary',
];

const cache = cacheExchange({
  keys: Object.fromEntries(EMBEDDED.map((name) => [name, () => null])),
  optimistic: {
    // Shows at once. If it is refused, the cache has what was there before.
    updateActivity: ({ input }) => {
      const { activityId, ...edited } = input as { activityId: string; name?: string };
      return { __typename: 'UpdateActivityPayload', activity: { __typename: 'Activity', id: activityId, ...edited }, userErrors: [] };
    },
  },
  updates: {
    Mutation: {
      // Out of all pages that have it.
      deleteActivity({ deleteActivity }, _arguments, store) {
        const { deletedActivityId: id, athlete } = deleteActivity as { deletedActivityId: string | null; athlete: { id: string } | null };
        if (!id || !athlete) return;
        const [key, gone] = [{ __typename: 'Athlete', id: athlete.id }, store.keyOfEntity({ __typename: 'Activity', id })];
        for (const { fieldName, fieldKey } of store.inspectFields(key)) {
          const page = fieldName === 'activities' ? (store.resolve(key, fieldKey) as string | null) : null;
          const nodes = page && store.resolve(page, 'nodes');
          if (Array.isArray(nodes)) store.link(page!, 'nodes', nodes.filter((each) => each !== gone) as string[]);
        }
      },
    },
    Subscription: {
      // A sync that has ended may have brought runs: whoever shows lists of the athlete asks again.
      jobUpdated({ jobUpdated }, _arguments, store) {
        const { status, athlete } = jobUpdated as { status: string; athlete?: { id: string } };
        if (status !== 'SUCCEEDED' || !athlete) return;
        const key = { __typename: 'Athlete', id: athlete.id };
        for (const { fieldName, fieldKey } of store.inspectFields(key)) {
          if (['activities', 'personalBests'].includes(fieldName)) store.invalidate(key, fieldKey);
        }
      },
    },
  },
});

/** For @defer and @stream: urql merges this form wholly, and of the newer one only what @defer sends. */
const accept = 'multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json';

export const client = new Client({
  url: `${api}/graphql`,
  preferGetMethod: false,
  fetchOptions: () => ({ headers: { accept, ...authorization() } }),
  exchanges: [
    cache,
    persistedExchange({ preferGetForPersistedQueries: true }), // queries by their hash; texts only once
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: socket.subscribe({ query: query ?? '', variables: variables as Record<string, unknown> }, sink),
        }),
      }),
    }),
  ],
});
// #endregion client

// #region paging
const Runs = gql<RunsData>`
  query Runs($athlete: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    athlete(id: $athlete) {
      id
      activities(first: $first, after: $after, last: $last, before: $before) {
        nodes { id name startedAtLocal distanceMeters }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      }
    }
  }
`;

type Page = { startCursor: string | null; endCursor: string | null; hasNextPage: boolean; hasPreviousPage: boolean };
type RunsData = { athlete: { id: string; activities: { nodes: { id: string }[]; pageInfo: Page } | null } | null };

/** Each page is a query of its own, and an entry of the cache. */
export async function allRuns(athlete: string): Promise<string[]> {
  const runs: string[] = [];
  let after: string | null = null;
  for (;;) {
    const result: OperationResult<RunsData> = await client.query(Runs, { athlete, first: 20, after });
    if (result.error) throw result.error;
    const { nodes, pageInfo } = result.data!.athlete!.activities!;
    runs.push(...nodes.map(({ id }) => id));
    if (!pageInfo.hasNextPage) return runs;
    after = pageInfo.endCursor;
  }
}

const Count = gql<{ athlete: { id: string; activities: { totalCount: number } | null } | null }>`
  query Count($athlete: ID!) { athlete(id: $athlete) { id activities { totalCount } } }
`;

/** By itself, so that not each page counts. A deletion brings the new count to the same place. */
export const countRuns = (athlete: string) => client.query(Count, { athlete });
// #endregion paging

// #region subscription
const JobUpdated = gql<{ jobUpdated: { id: string; status: string } }>`
  subscription JobUpdated($id: ID!) {
    jobUpdated(id: $id) { id status version progress { percent } athlete { id } }
  }
`;

/** urql repeats the last result when the job has ended, with `hasNext: false`. */
export const watchJob = (id: string) => client.subscription(JobUpdated, { id });
// #endregion subscription

// #region changes
const Changed = gql<ChangedData>`
  subscription Changed($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) { activities { id } deletedActivityIds distances athlete { id } isComplete changedAt }
  }
`;

type ChangedData = {
  athleteChanged: {
    activities: { id: string }[];
    deletedActivityIds: string[];
    distances: string[];
    athlete: { id: string } | null; // its own data changed: profile, settings, shoes, zones
    isComplete: boolean;
  };
};

type Listener = { changed: (of: ChangedData['athleteChanged']) => void; failed: (error: unknown) => void };

/**
 * Calls `changed` for each change, by whomever: ask again for what is shown, with `requestPolicy: 'network-only'`.
 * `since` is the `now` that came with what is shown.
 */
export const watchChanges = (athlete: string, since: string, { changed, failed }: Listener) =>
  socket.subscribe<ChangedData>(
    { query: stringifyDocument(Changed), variables: { athlete, since } },
    { next: ({ data }) => data && changed(data.athleteChanged), error: failed, complete: () => {} },
  );
// #endregion changes

// #region mutations
const Rename = gql<{ updateActivity: { activity: { id: string; name: string } | null; userErrors: { message: string }[] } }>`
  mutation Rename($input: UpdateActivityInput!) {
    updateActivity(input: $input) { activity { id name } userErrors { field code message documentation } }
  }
`;

const Delete = gql<{ deleteActivity: { deletedActivityId: string | null } }>`
  mutation Delete($id: ID!) {
    deleteActivity(input: { activityId: $id }) {
      deletedActivityId
      athlete { id activities { totalCount } personalBests { id distance elapsedTimeSeconds } }
      userErrors { field code message documentation }
    }
  }
`;

export const rename = (activityId: string, name: string) => client.mutation(Rename, { input: { activityId, name } });
export const remove = (id: string) => client.mutation(Delete, { id });
// #endregion mutations

// #region errors
/** The codes of an error: docs/errors.md has each. Without any the network failed. */
export const codesOf = (error?: CombinedError): unknown[] =>
  error?.graphQLErrors.map(({ extensions }) => extensions.code) ?? [];
// #endregion errors

// #region parts
const Page = gql<PageData>`
  query Page($athlete: ID!) {
    athlete(id: $athlete) {
      id
      activities(first: 8) { nodes @stream(initialCount: 3) { id name ...Details @defer } }
      ... @defer { personalBests { id distance elapsedTimeSeconds } }
    }
  }
  fragment Details on Activity { id sportType movingTimeSeconds }
`;

type PageData = { athlete: { id: string; activities: { nodes: { id: string; sportType?: string }[] }; personalBests?: unknown[] } };

/** Gives a result for each part; `hasNext` tells that more will come. */
export const watchPage = (athlete: string) => client.query(Page, { athlete });
// #endregion parts

async function checkParts(athlete: string): Promise<void> {
  const results: OperationResult<PageData>[] = [];
  await new Promise<void>((complete, fail) => {
    watchPage(athlete).subscribe((result) => {
      if (result.error) fail(result.error);
      results.push(result);
      if (!result.hasNext) complete();
    });
  });
  assert.ok(results.length > 1, String(results.length));
  const page = results.at(-1)!.data!.athlete;
  assert.equal(page.activities.nodes.length, 8);
  assert.ok(page.activities.nodes.every(({ sportType }) => sportType));
  assert.ok(page.personalBests);
}

async function untilEnded(job: string): Promise<string | undefined> {
  const states: string[] = [];
  await new Promise<void>((complete, fail) => {
    watchJob(job).subscribe(({ data: event, error, hasNext }) => {
      if (error) fail(error);
      if (event) states.push(event.jobUpdated.status);
      if (!hasNext) complete();
    });
  });
  return states.at(-1);
}

const Restore = gql<{ restoreActivity: { job: { id: string } } }>`
  mutation Restore($id: ID!) { restoreActivity(input: { activityId: $id }) { job { id } userErrors { code } } }
`;

async function checkMutations(athlete: string): Promise<void> {
  const shown: { id: string; name: string }[][] = [];
  const { data: first } = await client.query(Runs, { athlete, first: 20, after: null });
  const after = first!.athlete!.activities!.pageInfo.endCursor;
  const list = client.query(Runs, { athlete, first: 20, after }).subscribe(({ data }) => {
    if (data?.athlete?.activities) shown.push(data.athlete.activities.nodes as { id: string; name: string }[]);
  });
  const until = async (isSo: (runs: { id: string; name: string }[]) => boolean) => {
    for (let tries = 0; !isSo(shown.at(-1) ?? []); tries++) {
      assert.ok(tries < 5000, JSON.stringify(shown.map((runs) => runs.length)));
      await new Promise((again) => setTimeout(again, 1));
    }
  };
  await until((runs) => runs.length === 20);
  const { id, name } = shown.at(-1)![5]!;
  const renamed = rename(id, 'Shown at once').toPromise();
  let isAnswered = false;
  void renamed.then(() => (isAnswered = true));
  await until((runs) => runs[5]?.name === 'Shown at once');
  assert.equal(isAnswered, false);
  assert.deepEqual((await renamed).data?.updateActivity.userErrors, []);
  assert.equal((await rename(id, '')).data?.updateActivity.userErrors.length, 1);
  await until((runs) => runs[5]?.name === 'Shown at once');
  await rename(id, name);
  const counted = async () => (await countRuns(athlete)).data?.athlete?.activities?.totalCount;
  assert.equal(await counted(), 48);
  assert.equal((await remove(id)).data?.deleteActivity.deletedActivityId, id);
  assert.equal(await counted(), 47);
  await until((runs) => runs.length === 19 && runs.every((run) => run.id !== id));
  list.unsubscribe();
  const { data } = await client.mutation(Restore, { id });
  assert.equal(await untilEnded(data!.restoreActivity.job.id), 'SUCCEEDED');
}

async function checkChanges(athlete: string, id: string): Promise<void> {
  const { data } = await client.query(gql<{ now: string }>`{ now }`, {});
  const changed = new Promise<string[]>((complete, failed) => {
    watchChanges(athlete, data!.now, { changed: ({ activities }) => activities.some((each) => each.id === id) && complete([id]), failed });
  });
  await rename(id, 'Told to others');
  assert.deepEqual(await changed, [id]);
}

async function lastRuns(athlete: string): Promise<string[] | undefined> {
  const { data, error } = await client.query(Runs, { athlete, last: 5 }, { requestPolicy: 'network-only' });
  if (error) throw error;
  return data?.athlete?.activities?.nodes.map(({ id }) => id);
}

export async function check(athlete: string): Promise<void> {
  await checkParts(athlete);
  const last = await lastRuns(athlete); // the cache has other runs of the list, with fewer fields
  const runs = await allRuns(athlete);
  assert.equal(new Set(runs).size, 48);
  assert.deepEqual(last, runs.slice(-5));
  await checkMutations(athlete);
  assert.deepEqual(await lastRuns(athlete), runs.slice(-5)); // while the page asks again, since the restored run made its list stale
  const bad = await client.query(Runs, { athlete, after: 'x' }, { requestPolicy: 'network-only' });
  assert.deepEqual(codesOf(bad.error), ['INVALID_CURSOR']);
  await checkChanges(athlete, runs[0]!);
  const Sync = gql<{ syncStrava: { job: { id: string } } }>`mutation Sync($athlete: ID!) { syncStrava(input: { athleteId: $athlete }) { job { id status } userErrors { code } } }`;
  const { data } = await client.mutation(Sync, { athlete });
  assert.equal(await untilEnded(data!.syncStrava.job.id), 'SUCCEEDED');
  await openSocket.dispose();
}
