import assert from 'node:assert/strict';
import { Defer20220824Handler } from '@apollo/client/incremental';
import { socket as openSocket } from './socket';

// #region client
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { api, authorization } from './session';
import { socket } from './socket';

const possibleTypes = {
  Node: ['Activity', 'ApiToken', 'Athlete', 'BestEffort', 'Gear', 'Job', 'Original', 'PersonalBest'],
};

/** Arguments that make another list; those of paging do not. */
const pages = (...lists: string[]) => relayStylePagination(lists);

/** Objects without an id: what one query asked of them stays when another asks for more. */
const VALUES = [
  'ActivityStreams', 'AgeGrade', 'CriticalSpeed', 'Export', 'JobError', 'JobProgress', 'JobResult', 'Pacing', 'RateLimit', 'Route',
  'RouteBounds', 'StravaAccount', 'StravaQuota',
];

const cache = new InMemoryCache({
  possibleTypes,
  typePolicies: {
    ...Object.fromEntries(VALUES.map((name) => [name, { merge: true }])),
    Query: {
      fields: {
        activities: pages('filter', 'orderBy'),
        athletes: pages('filter', 'orderBy'),
        jobs: pages('filter'),
        leaderboard: pages('distance', 'by', 'filter'),
      },
    },
    Athlete: {
      fields: {
        activities: pages('filter', 'orderBy'),
        bestEfforts: pages('distance', 'from', 'until', 'includeExcluded'),
        deletedActivities: pages(),
        jobs: pages('filter'),
        personalBestHistory: pages('distance'),
      },
    },
    Activity: { fields: { laps: pages(), splits: pages('unit') } },
    Job: { fields: { importReport: pages('outcomes') } },
    StravaQuota: { merge: true, fields: { waiting: pages() } },
  },
});

const isSubscription = ({ query }: ApolloLink.Operation) => {
  const definition = getMainDefinition(query);
  return 'operation' in definition && definition.operation === 'subscription';
};

export const client = new ApolloClient({
  cache,
  incrementalHandler: new GraphQL17Alpha9Handler(), // for @defer and @stream
  link: ApolloLink.split(
    isSubscription,
    new GraphQLWsLink(socket),
    new HttpLink({
      uri: `${api}/graphql`,
      headers: { accept: 'application/graphql-response+json, application/json', ...authorization() },
    }),
  ),
});
// #endregion client

// #region paging
const Runs = gql`
  query Runs($athlete: ID!, $after: String) {
    athlete(id: $athlete) {
      id
      activities(first: 20, after: $after) {
        edges { node { id name startedAtLocal distanceMeters } }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`;

type Run = { id: string; name: string; startedAtLocal: string; distanceMeters: number };
type RunsData = {
  athlete: {
    id: string;
    activities: { edges: { node: Run }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } } | null;
  } | null;
};

/** Reads all pages, as an infinite list does one after the other. */
export async function allRuns(athlete: string): Promise<Run[]> {
  const first = { query: Runs, variables: { athlete } };
  let { data } = await client.query<RunsData>(first);
  const list = client.watchQuery<RunsData>(first);
  const reading = list.subscribe(() => {});
  while (data?.athlete?.activities?.pageInfo.hasNextPage) {
    await list.fetchMore({ variables: { after: data.athlete.activities.pageInfo.endCursor } });
    data = client.readQuery<RunsData>(first) ?? undefined; // all pages that were read until now
  }
  reading.unsubscribe();
  return data?.athlete?.activities?.edges.map(({ node }) => node) ?? [];
}

const Count = gql`query Count($athlete: ID!) { athlete(id: $athlete) { id activities { totalCount } } }`;

/** By itself, so that not each page counts. A deletion brings the new count to the same place. */
export const countRuns = (athlete: string) =>
  client.query<{ athlete: { activities: { totalCount: number } | null } | null }>({ query: Count, variables: { athlete } });
// #endregion paging

// #region subscription
const JobUpdated = gql`
  subscription JobUpdated($id: ID!) {
    jobUpdated(id: $id) { id status version progress { percent } }
  }
`;

/** The present state first, then each change; it completes when the job has ended. */
export const watchJob = (id: string, by = client) =>
  by.subscribe<{ jobUpdated: { id: string; status: string } }>({ query: JobUpdated, variables: { id } });
// #endregion subscription

// #region changes
const Changed = gql`
  subscription Changed($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) {
      activities { id name distanceMeters }
      deletedActivityIds
      athlete { id displayName gear { id name retired } }
      isComplete
      changedAt
    }
  }
`;

type ChangedData = { athleteChanged: { activities: { id: string }[]; deletedActivityIds: string[] } };

/**
 * What syncs, imports and other clients change: the cache follows by the ids, and what is shown is asked for again.
 * `since` is the `now` that came with what is shown.
 */
export const watchChanges = (athlete: string, since: string, failed: (error: unknown) => void) =>
  client.subscribe<ChangedData>({ query: Changed, variables: { athlete, since } }).subscribe({
    next({ data, error }) {
      if (error) failed(error);
      for (const id of data?.athleteChanged.deletedActivityIds ?? []) client.cache.evict({ id: `Activity:${id}` });
      if (data) void client.refetchQueries({ include: 'active' });
    },
    error: failed,
  });
// #endregion changes

// #region subscription-over-http
/** `HttpLink` alone subscribes too: events come as the parts of one response. */
export const overHttp = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes }),
  link: new HttpLink({ uri: `${api}/graphql`, headers: authorization() }),
});
// #endregion subscription-over-http

// #region mutations
const Rename = gql`
  mutation Rename($id: ID!, $name: String!) {
    updateActivity(input: { activityId: $id, name: $name }) {
      activity { id name }
      userErrors { field code message documentation }
    }
  }
`;

/** What the person can correct; `documentation` is the page of the code. Nothing if it was done. */
type UserError = { field: string[] | null; code: string; message: string; documentation: string | null };

type RenameData = {
  updateActivity: { __typename?: string; activity: { __typename?: string; id: string; name: string } | null; userErrors: UserError[] };
};

/** The new name shows at once. If it is refused, the old one comes back. */
export async function rename(id: string, name: string): Promise<UserError[]> {
  const { data } = await client.mutate<RenameData>({
    mutation: Rename,
    variables: { id, name },
    optimisticResponse: {
      updateActivity: { __typename: 'UpdateActivityPayload', activity: { __typename: 'Activity', id, name }, userErrors: [] },
    },
  });
  return data!.updateActivity.userErrors;
}

const Delete = gql`
  mutation Delete($id: ID!) {
    deleteActivity(input: { activityId: $id }) {
      deletedActivityId
      athlete { id activities { totalCount } personalBests { id distance elapsedTimeSeconds } }
      userErrors { field code message documentation }
    }
  }
`;

/** Lists leave out what is no longer in the cache; their count and the bests come with the answer. */
export const remove = (id: string) => client.mutate<{ deleteActivity: { deletedActivityId: string | null } }>({
  mutation: Delete,
  variables: { id },
  update(cache, { data }) {
    if (data?.deleteActivity.deletedActivityId) cache.evict({ id: cache.identify({ __typename: 'Activity', id }) });
  },
});
// #endregion mutations

// #region errors
/** The codes of an error: docs/errors.md has each. */
export const codesOf = (error: unknown): unknown[] =>
  CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => extensions?.code) : [];
// #endregion errors

// #region persisted
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

const sha256 = async (text: string): Promise<string> => {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
};

export const hashes = new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
// #endregion persisted

// #region parts
const Page = gql`
  query Page($athlete: ID!, $first: Int = 8) {
    athlete(id: $athlete) {
      id
      activities(first: $first) {
        edges @stream(initialCount: 3) { node { id name startedAtLocal distanceMeters ...Details @defer } }
        pageInfo { endCursor hasNextPage }
      }
      ... @defer { personalBests { id distance elapsedTimeSeconds } }
    }
  }
  fragment Details on Activity { id sportType movingTimeSeconds }
`;

/** Tells of each state of the page: `dataState` is 'streaming' until all parts are there. */
export const watchPage = (athlete: string) => client.watchQuery<PageData>({ query: Page, variables: { athlete } });
// #endregion parts

type PageData = { athlete: { id: string; activities: { edges: { node: { sportType?: string } }[] }; personalBests?: unknown[] } };

/** Reads a page to its end; gives the states that were seen, and the last data. */
async function pageOf(by: ApolloClient, athlete: string, first: number): Promise<[string[], PageData['athlete']]> {
  const states: string[] = [];
  let reading: { unsubscribe: () => void } | undefined;
  const data = await new Promise<PageData>((complete, fail) => {
    reading = by.watchQuery<PageData>({ query: Page, variables: { athlete, first }, fetchPolicy: 'network-only' }).subscribe({
      next: (result) => {
        if (result.error) fail(result.error);
        states.push(result.dataState);
        if (result.dataState === 'complete') complete(result.data);
      },
      error: fail,
    });
  });
  reading?.unsubscribe();
  return [states, data.athlete];
}

/** This server has trusted documents, so it takes no hashes: the link learns that, and goes on with texts. */
async function checkHashes(athlete: string): Promise<void> {
  const methods: (string | undefined)[] = [];
  const seen: typeof fetch = (input, init) => {
    methods.push(init?.method);
    return fetch(input, init);
  };
  const hashed = new ApolloClient({
    cache: new InMemoryCache(),
    link: hashes.concat(new HttpLink({ uri: `${api}/graphql`, headers: authorization(), fetch: seen })),
  });
  for (let turn = 0; turn < 2; turn++) {
    const { data } = await hashed.query<RunsData>({ query: Runs, variables: { athlete }, fetchPolicy: 'network-only' });
    assert.equal(data!.athlete!.activities!.edges.length, 20);
  }
  assert.deepEqual(methods, ['GET', 'POST', 'POST']);
}

async function checkParts(athlete: string): Promise<void> {
  const older = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes }),
    incrementalHandler: new Defer20220824Handler(),
    link: new HttpLink({ uri: `${api}/graphql`, headers: authorization() }),
  });
  for (const [each, first] of [[client, 8], [older, 9]] as const) { // what the cache has comes at once
    const [states, page] = await pageOf(each, athlete, first);
    assert.ok(states.includes('streaming'), String(states));
    assert.equal(page.activities.edges.length, first);
    assert.ok(page.activities.edges.every(({ node }) => node.sportType));
    assert.ok(page.personalBests);
  }
}

const Restore = gql`mutation Restore($id: ID!) { restoreActivity(input: { activityId: $id }) { job { id } userErrors { code } } }`;

async function checkDeletion(athlete: string, id: string): Promise<void> {
  const variables = { athlete };
  const listed = () => client.readQuery<RunsData>({ query: Runs, variables })!.athlete!.activities!.edges.length;
  await countRuns(athlete);
  const before = listed();
  await remove(id);
  assert.equal(listed(), before - 1);
  assert.equal((await countRuns(athlete)).data?.athlete?.activities?.totalCount, 47);
  const { data } = await client.mutate<{ restoreActivity: { job: { id: string } } }>({ mutation: Restore, variables: { id } });
  await new Promise<void>((complete, error) => void watchJob(data!.restoreActivity.job.id).subscribe({ complete, error }));
}

const send = (query: string): Promise<Response> =>
  fetch(`${api}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...authorization() }, body: JSON.stringify({ query }) });

/** Another client renames a run and adds shoes: it is seen here without a request of this page's own. */
async function checkChanges(athlete: string, id: string): Promise<void> {
  const fragment = gql`fragment Named on Activity { name }`;
  const { data: page } = await client.query<{ now: string }>({ query: gql`{ now }` });
  const changed = new Promise<void>((complete, fail) => {
    watchChanges(athlete, page!.now, fail);
    client.cache.watchFragment<{ name: string }>({ fragment, from: { __typename: 'Activity', id } }).subscribe(({ data }) => {
      if (data?.name === 'Told to others') complete();
    });
  });
  await send(`mutation { updateActivity(input: { activityId: "${id}", name: "Told to others" }) { userErrors { code } } }`);
  await changed;
  await send(`mutation { createGear(input: { athleteId: "${athlete}", name: "Told to Apollo" }) { userErrors { code } } }`);
  const kept = () => Object.values(client.extract() as Record<string, { name?: string }>);
  const isTold = () => kept().some(({ name }) => name === 'Told to Apollo');
  for (let tries = 0; !isTold(); tries++) {
    assert.ok(tries < 1000);
    await new Promise((again) => setTimeout(again, 10));
  }
}

export async function check(athlete: string): Promise<void> {
  await checkParts(athlete);
  await checkHashes(athlete);
  const runs = await allRuns(athlete);
  assert.equal(runs.length, 48);
  assert.equal(new Set(runs.map(({ id }) => id)).size, 48);
  const bad = await client
    .query({ query: Runs, variables: { athlete, after: 'x' }, fetchPolicy: 'network-only' })
    .catch((error: unknown) => ({ error }));
  assert.deepEqual(codesOf(bad.error), ['INVALID_CURSOR']);
  const { id, name } = runs[0]!;
  const [refused] = await rename(id, '');
  assert.deepEqual([refused?.field, refused?.code], [['input', 'name'], 'INVALID']);
  assert.match(await (await fetch(refused!.documentation!)).text(), /<h1>INVALID<\/h1>/);
  const renamed = rename(id, 'Shown at once');
  const shown = client.cache.readFragment<{ name: string }>({ id: `Activity:${id}`, fragment: gql`fragment Shown on Activity { name }`, optimistic: true });
  assert.equal(shown?.name, 'Shown at once');
  assert.deepEqual(await renamed, []);
  assert.deepEqual(await rename(id, name), []);
  await checkDeletion(athlete, runs[3]!.id);
  await checkChanges(athlete, runs[4]!.id);
  const { data } = await client.mutate<{ syncStrava: { job: { id: string } } }>({
    mutation: gql`mutation Sync($athlete: ID!) { syncStrava(input: { athleteId: $athlete }) { job { id status } userErrors { code } } }`,
    variables: { athlete },
  });
  for (const by of [overHttp, client]) {
    const states: string[] = [];
    await new Promise<void>((complete, fail) => {
      watchJob(data!.syncStrava.job.id, by).subscribe({
        next: ({ data: event, error }) => (error ? fail(error) : states.push(event!.jobUpdated.status)),
        error: fail,
        complete,
      });
    });
    assert.equal(states.at(-1), 'SUCCEEDED');
  }
  await openSocket.dispose();
}
