// The GraphQL client: one normalised cache, HTTP for queries and mutations, a WebSocket for jobs.
import {
  Client, fetchExchange, mapExchange, subscriptionExchange, type CombinedError, type Operation,
} from '@urql/core';
import { cacheExchange, type Cache } from '@urql/exchange-graphcache';
import { createClient as createSocket } from 'graphql-ws';
import { noteConnection } from './connection.ts';
import { forgetToken, token } from './session.ts';

/** Objects without an id live inside the object that has them. */
const EMBEDDED = [
  'AgeGrade', 'ActivityConnection', 'ActivityStreams', 'BestEffortConnection', 'CriticalSpeed', 'HeartRateZone',
  'HeartRateZoneTime', 'ImportEntry', 'ImportEntryConnection', 'JobError', 'JobProblem',
  'JobProgress', 'JobResult', 'Lap', 'LapConnection', 'PageInfo', 'Pacing', 'PersonalBestConnection', 'RacePrediction',
  'Route', 'RouteBounds', 'Split', 'SplitConnection', 'StravaAccount', 'SyncProblem', 'TrainingLoadDay', 'TrainingSummary',
];

const authorization = (): string | null => {
  const known = token();
  return known === null ? null : `Bearer ${known}`;
};

/** Forget all lists and sums of an athlete: whoever shows them asks again. */
export function forgetAthleteLists(cache: Cache, athleteId: string): void {
  const key = { __typename: 'Athlete', id: athleteId };
  for (const { fieldName, fieldKey } of cache.inspectFields(key)) {
    if (LISTS.has(fieldName)) cache.invalidate(key, fieldKey);
  }
}

const LISTS = new Set([
  'activities', 'bestEfforts', 'criticalSpeed', 'gear', 'personalBestHistory', 'personalBests', 'racePredictions',
  'stravaConnection', 'syncProblems', 'timeInHeartRateZones', 'trainingLoad', 'trainingSummary',
]);

const NORMAL = 1000; // the close code of a socket that nobody needs any more

type JobEvent = { athlete: { id: string } | null; status: string };

const cache = () => cacheExchange({
  keys: Object.fromEntries(EMBEDDED.map((name) => [name, () => null])),
  updates: {
    Subscription: {
      jobUpdated({ jobUpdated }, _arguments, store) {
        const job = jobUpdated as JobEvent | null;
        if (job?.athlete && job.status === 'SUCCEEDED') forgetAthleteLists(store, job.athlete.id);
      },
    },
    Mutation: {
      updateAthlete({ updateAthlete }, _arguments, store) {
        const { athlete } = updateAthlete as { athlete: { id: string } | null };
        if (athlete) forgetAthleteLists(store, athlete.id);
      },
      excludeBestEffort({ excludeBestEffort }, _arguments, store) {
        const { athlete } = excludeBestEffort as { athlete: { id: string } | null };
        if (athlete) forgetAthleteLists(store, athlete.id);
      },
    },
  },
});

/** docs/subscriptions.md: try again for ever, unless the same credential was refused (4403). */
function socket() {
  let sent: string | null = null;
  return createSocket({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: () => {
      sent = authorization();
      return sent === null ? {} : { Authorization: sent };
    },
    retryAttempts: Infinity,
    shouldRetry: (problem) => (problem as CloseEvent | null)?.code !== 4403 || authorization() !== sent,
    on: {
      connected: () => noteConnection(true),
      closed: (event) => noteConnection((event as CloseEvent).code === NORMAL),
    },
  });
}

function noteOutcome(error: CombinedError | undefined, operation: Operation): void {
  if (operation.kind === 'teardown') return;
  if (error?.networkError && !(error.networkError instanceof DOMException)) noteConnection(false);
  else noteConnection(true);
}

/** A client of the present session. Another session gets another client, and an empty cache. */
export function createClient(onSignedOut: () => void): Client {
  const jobs = socket();
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: (): RequestInit => {
      const known = authorization();
      return known === null ? {} : { headers: { Authorization: known } };
    },
    exchanges: [
      cache(),
      mapExchange({
        onResult: ({ error, operation }) => noteOutcome(error, operation),
        onError(error) {
          const isEnded = error.graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED');
          if (isEnded && token() !== null) {
            forgetToken();
            onSignedOut();
          }
        },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: jobs.subscribe({ query: query ?? '', variables: variables as Record<string, unknown> }, sink),
          }),
        }),
      }),
    ],
  });
}
