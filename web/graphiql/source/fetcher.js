// Queries and mutations over HTTP (incremental delivery included), subscriptions over graphql-transport-ws.
import { createGraphiQLFetcher, isAsyncIterable } from '@graphiql/toolkit';
import { makeAsyncIterableIteratorFromSink } from '@n1ru4l/push-pull-async-iterable-iterator';
import { createClient } from 'graphql-ws';
import { operationIn } from './request.js';
import { headersText, rememberedToken } from './session.js';

const WEBSOCKET_URL = `${location.origin.replace(/^http/, 'ws')}/graphql`;

async function httpFetch(url, init) {
  const response = await fetch(url, { ...init, credentials: 'same-origin' });
  const type = response.headers.get('content-type') ?? '';
  if (/json|multipart/.test(type)) return response;
  throw new Error(`HTTP ${response.status} ${response.statusText}: ${(await response.text()).slice(0, 500)}`);
}

// One client per subscription, because the token goes into connection_init and may differ between tabs.
// `lazy` (the default) opens the socket on subscribe and closes it when the subscription has ended.
function subscribe(params, headers) {
  const client = createClient({ url: WEBSOCKET_URL, retryAttempts: 2, connectionParams: capitalised(headers) });
  return makeAsyncIterableIteratorFromSink((sink) =>
    client.subscribe(params, { ...sink, error: (error) => sink.error(asError(error)) }));
}

// HTTP does not mind the case of a header's name; a key of the connection_init payload is compared as it is.
function capitalised(headers = {}) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) =>
    [name.toLowerCase() === 'authorization' ? 'Authorization' : name, value]));
}

function asError(error) {
  if (error instanceof CloseEvent) {
    return new Error(`WebSocket closed: ${[error.code, error.reason].filter(Boolean).join(' ')}`);
  }
  if (error instanceof Event) return new Error(`No WebSocket connection to ${WEBSOCKET_URL}`);
  return error;
}

const NO_JOB = { message: 'Run the Sync tab first: the id of its job is then filled in here, in the variables.' };

const lacksJob = ({ operationName, variables }) => operationName === 'WatchTheJob' && variables?.id === '';

async function* passing(results, look) {
  for await (const result of results) {
    for (const part of [result].flat()) look(part);
    yield result;
  }
}

/** `onResult` sees every answer, and every part of those that come in parts. */
export function createFetcher(onResult) {
  const overHttp = createGraphiQLFetcher({
    url: '/graphql',
    fetch: httpFetch,
    headers: { accept: 'application/graphql-response+json, application/json;q=0.9, multipart/mixed;q=0.8' },
  });
  const look = (result) => result && onResult(result);

  return async (params, { headers } = {}) => {
    if (params.operationName === 'IntrospectionQuery') {
      // The schema is fetched before the headers editor exists.
      const token = rememberedToken();
      return overHttp(params, { headers: headers ?? (token ? JSON.parse(headersText(token)) : undefined) });
    }
    // GraphiQL learns the operation's name and document a moment after a tab was opened. Who runs it sooner than
    // that would send the name from the tab before, so both are taken from the text that is sent.
    const operation = operationIn(params);
    const request = { ...params, operationName: operation?.name?.value ?? params.operationName };
    if (lacksJob(request)) return { errors: [NO_JOB] };
    if (operation?.operation === 'subscription') return subscribe(request, headers);
    const results = await overHttp(request, { headers });
    if (isAsyncIterable(results)) return passing(results, look);
    look(results);
    return results;
  };
}
