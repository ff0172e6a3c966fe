// The GraphQL client: one normalised cache, HTTP for queries and mutations, a WebSocket for jobs and changes.
import {
  Client, fetchExchange, makeOperation, mapExchange, subscriptionExchange, type CombinedError, type Operation,
} from '@urql/core';
import { createClient as createSocket } from 'graphql-ws';
import { normalizedCache } from './cache.ts';
import { noteConnection } from './connection.ts';
import type { Freshness } from './freshness.ts';
import { patientFetch, subscribePatiently } from './patience.ts';
import { forgetToken, token } from './session.ts';

const authorization = (): string | null => {
  const known = token();
  return known === null ? null : `Bearer ${known}`;
};

const NORMAL = 1000; // the close code of a socket that nobody needs any more
const FORBIDDEN = 4403; // the session or token has ended, or may do less than before
/** A phone that changes its network is not told that the socket is dead: only a missing answer tells. */
const PING_MS = 20_000;
const PONG_MS = 5000;

/** docs/subscriptions.md: try again for ever, unless the same credential was refused: then tell `refused`, once. */
function socket(refused: () => void) {
  let sent: string | null = null;
  let isRefused = false;
  let patience = 0;
  const created = createSocket({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: () => {
      sent = authorization();
      return sent === null ? {} : { Authorization: sent };
    },
    retryAttempts: Infinity,
    shouldRetry: () => !isRefused, // asked after `closed`
    keepAlive: PING_MS,
    on: {
      connected: () => noteConnection(true),
      ping: (isReceived) => {
        if (!isReceived) patience = window.setTimeout(() => created.terminate(), PONG_MS);
      },
      pong: () => clearTimeout(patience),
      closed: (event) => {
        clearTimeout(patience);
        const { code } = event as CloseEvent;
        isRefused = code === FORBIDDEN && authorization() === sent;
        noteConnection(code === NORMAL || isRefused);
        if (isRefused) refused();
      },
    },
  });
  return created;
}

/** The context of a mutation whose progress is shown, so that it may wait as a query does. */
export const UNHURRIED = { isUnhurried: true };

/** A person waits for it, and is rather told than left waiting. */
const hurried = (operation: Operation): Operation =>
  makeOperation('mutation', operation, { ...operation.context, fetch: patientFetch('mutation') });

function noteOutcome(error: CombinedError | undefined, operation: Operation): void {
  if (operation.kind === 'teardown') return;
  if (error?.networkError && !(error.networkError instanceof DOMException)) noteConnection(false);
  else noteConnection(true);
}

/** A client of the present session. Another session gets another client, and an empty cache. */
export function createClient(freshness: Freshness, onSignedOut: () => void): Client {
  const leave = () => {
    forgetToken();
    onSignedOut();
  };
  const jobs = socket(leave);
  freshness.socket = jobs;
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetch: patientFetch('query'),
    fetchOptions: (): RequestInit => {
      const known = authorization();
      return known === null ? {} : { headers: { Authorization: known } };
    },
    exchanges: [
      freshness.beforeCache,
      normalizedCache(),
      freshness.behindCache,
      mapExchange({
        onOperation: (operation) => (operation.kind === 'mutation' && !operation.context.isUnhurried ? hurried(operation) : undefined),
        onResult: ({ error, operation }) => noteOutcome(error, operation),
        onError(error) {
          const isEnded = error.graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED');
          if (isEnded && token() !== null) leave();
        },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: subscribePatiently(jobs, () => ({ query: query ?? '', variables: variables as Record<string, unknown> }), sink),
          }),
        }),
      }),
    ],
  });
}
