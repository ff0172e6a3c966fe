// Watches a job with each client library at once, and prints what the app would see: one JSON object a line.
//
//     node watch.mjs URL TOKEN_FILE JOB_ID
//
// Each client reads the token anew whenever it connects, as an app does that has signed in again meanwhile.
import { readFileSync } from "node:fs";

import { ApolloClient, InMemoryCache, gql } from "@apollo/client/core";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import { WebSocket } from "ws";

globalThis.WebSocket = WebSocket; // Apollo asks for it by name

const [url, tokenFile, id] = process.argv.slice(2);
const socketUrl = url.replace(/^http/, "ws");
const query = "subscription Watch($id: ID!) { jobUpdated(id: $id) { id status version } }";
const variables = { id };
const authorization = () => `Bearer ${readFileSync(tokenFile, "utf8").trim()}`;
const connectionParams = () => ({ Authorization: authorization() });

/**
 * What docs/subscriptions.md recommends for graphql-ws: try again for as long as it takes, also while the server
 * refuses connections, but not with a token that it refused.
 */
function persistent() {
  let sent;
  return {
    connectionParams: () => ({ Authorization: (sent = authorization()) }),
    retryAttempts: Infinity,
    shouldRetry: (problem) => problem?.code !== 4403 || authorization() !== sent,
  };
}

const CLIENTS = {
  "graphql-sse": (sink) =>
    createSse({ url, headers: () => ({ Authorization: authorization() }) }).subscribe({ query, variables }, sink),
  "graphql-sse, persistent": (sink) =>
    createSse({ url, headers: () => ({ Authorization: authorization() }), retryAttempts: Infinity }).subscribe(
      { query, variables },
      sink,
    ),
  "graphql-sse, single connection": (sink) =>
    createSse({
      url: `${url}/stream`,
      singleConnection: true,
      headers: () => ({ Authorization: authorization() }),
      retryAttempts: Infinity,
    }).subscribe({ query, variables }, sink),
  "graphql-ws": (sink) => socket({}).subscribe({ query, variables }, sink),
  "graphql-ws, persistent": (sink) => socket(persistent()).subscribe({ query, variables }, sink),
  "urql over fetch": (sink) =>
    ofUrql(
      new Client({
        url,
        exchanges: [fetchExchange],
        fetchSubscriptions: true,
        fetchOptions: () => ({ headers: { Authorization: authorization() } }),
        preferGetMethod: false,
      }),
      sink,
    ),
  "urql over graphql-ws, persistent": (sink) => {
    const client = socket(persistent());
    const forwardSubscription = (operation) => ({
      subscribe: (observer) => ({ unsubscribe: client.subscribe({ ...operation, query: operation.query ?? "" }, observer) }),
    });
    return ofUrql(new Client({ url, exchanges: [subscriptionExchange({ forwardSubscription })] }), sink);
  },
  "Apollo over graphql-ws, persistent": (sink) =>
    new ApolloClient({ link: new GraphQLWsLink(socket(persistent())), cache: new InMemoryCache() })
      .subscribe({ query: gql(query), variables })
      .subscribe({
        next: ({ data, error }) => sink.next({ data, errors: error && [error] }),
        error: sink.error,
        complete: sink.complete,
      }),
};

function socket(options) {
  return createWs({ url: socketUrl, connectionParams, ...options });
}

function ofUrql(client, sink) {
  let seen = 0;
  return client.subscription(query, variables).subscribe((result) => {
    seen += 1;
    if (result.error) sink.error(result.error);
    else sink.next({ data: result.data });
    if (result.hasNext === false) sink.complete();
  });
}

function textOf(error) {
  if (Array.isArray(error)) return error.map(textOf).join("; ");
  const closed = error?.networkError ?? error; // urql has no text for the end of a socket
  if (closed?.code && closed.reason !== undefined) return `closed ${closed.code} ${closed.reason}`;
  const status = error?.response?.status;
  return [status >= 400 && `HTTP ${status}`, error?.message ?? String(error), error?.cause?.message].filter(Boolean).join(": ");
}

function say(client, kind, fields = {}) {
  process.stdout.write(`${JSON.stringify({ client, kind, ...fields })}\n`);
}

process.on("unhandledRejection", (error) => say("node", "unhandled", { text: textOf(error) }));

for (const [client, watch] of Object.entries(CLIENTS)) {
  watch({
    next: ({ data, errors }) => {
      if (errors?.length) say(client, "error", { text: textOf(errors), final: false });
      else say(client, "next", data?.jobUpdated ?? {});
    },
    error: (error) => say(client, "error", { text: textOf(error), final: true }),
    complete: () => say(client, "complete"),
  });
}
setInterval(() => {}, 1 << 30); // stays until it is ended
