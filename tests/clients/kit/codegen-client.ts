import assert from 'node:assert/strict';

// #region document
import { graphql } from './generated/gql';

export const Training = graphql(`
  query Training($athlete: ID!, $from: Date) {
    athlete(id: $athlete) {
      id
      trainingSummary(period: MONTH, from: $from) { periodStart runCount distanceMeters }
    }
  }
`);
// #endregion document

// #region trusted
import type { TypedDocumentString } from './generated/gql/graphql';
import { api, authorization } from './session';

/** Sends a document's id in the manifest instead of its text. */
export async function requestTrusted<Data, Variables>(
  document: TypedDocumentString<Data, Variables>, variables: Variables,
): Promise<Data> {
  const documentId = document.__meta__!.hash as string; // sha256:…
  const response = await fetch(`${api}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...authorization() },
    body: JSON.stringify({ documentId, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data || errors) throw new Error(errors!.map(({ message }) => message).join('\n'));
  return data;
}
// #endregion trusted

// #region trusted-socket
import type { ExecutionResult, Sink } from 'graphql-ws';
import { socket } from './socket';

export const JobState = graphql(`
  subscription JobState($id: ID!) {
    jobUpdated(id: $id) { id status version }
  }
`);

/** The same over the socket: graphql-ws wants a text, and an empty one counts as none. */
export const subscribeTrusted = <Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Data, Variables>, variables: Variables, sink: Sink<ExecutionResult<Data>>,
): (() => void) =>
  socket.subscribe<Data>({ query: '', extensions: { persistedQuery: document.__meta__!.hash }, variables }, sink);
// #endregion trusted-socket

const LastJob = graphql(`
  query LastJob($athlete: ID!) {
    athlete(id: $athlete) { id jobs(first: 1) { nodes { id status } } }
  }
`);

/** The last job has ended: its state is the one event. */
async function checkSocket(athlete: string): Promise<void> {
  const [job] = (await requestTrusted(LastJob, { athlete })).athlete!.jobs!.nodes;
  const told: unknown[] = [];
  await new Promise<void>((complete, error) => {
    subscribeTrusted(JobState, { id: job!.id }, { next: ({ data, errors }) => told.push(data?.jobUpdated.status ?? errors), error, complete });
  });
  assert.deepEqual(told, [job!.status]);
}

export async function check(athlete: string): Promise<void> {
  const response = await fetch(`${api}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization() },
    body: JSON.stringify({ query: Training.toString(), variables: { athlete, from: '2021-01-01' } }),
  });
  const { data } = (await response.json()) as { data: { athlete: { trainingSummary: { runCount: number }[] } } };
  assert.ok(data.athlete.trainingSummary.length > 0);
  const found = await requestTrusted(Training, { athlete, from: '2021-01-01' });
  assert.deepEqual(found.athlete!.trainingSummary, data.athlete.trainingSummary);
  await checkSocket(athlete);
}
