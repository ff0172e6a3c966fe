import assert from 'node:assert/strict';
import { Bests, TrustedBests } from './tada';

// #region client
import { ClientError, GraphQLClient } from 'graphql-request';
import { api, authorization } from './session';

/** A function of headers finds a new token at each request. A page sends its cookie by itself. */
export const client = new GraphQLClient(`${api}/graphql`, { headers: () => authorization() });
// #endregion client

// #region request
import { graphql } from './tada';

const Latest = graphql(`
  query Latest($athlete: ID!, $first: Int!, $after: String) {
    athlete(id: $athlete) {
      activities(first: $first, after: $after) {
        nodes { id name startedAtLocal distanceMeters }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`);

/** Documents of gql.tada and of Codegen (`documentMode: 'documentNode'`) tell what they answer. */
export const latest = (athlete: string, first: number, after?: string) => client.request(Latest, { athlete, first, after });
// #endregion request

// #region errors
/** The codes of an error: docs/errors.md has each. Without any the network failed. */
export const codesOf = (error: unknown): unknown[] =>
  error instanceof ClientError ? (error.response.errors ?? []).map(({ extensions }) => extensions?.code) : [];

/** `rawRequest` with `errorPolicy: 'all'` gives the data that is there beside errors. */
export const patient = new GraphQLClient(`${api}/graphql`, { headers: () => authorization(), errorPolicy: 'all' });
// #endregion errors

// #region trusted
import { createHash } from 'node:crypto';

/** The id in a manifest: the hash of the text. An app has it from its build. */
const idOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export const trusted = new GraphQLClient(`${api}/graphql`, {
  headers: () => authorization(),
  requestMiddleware(request) {
    const { query, ...named } = JSON.parse(request.body as string) as { query: string; variables?: unknown };
    return { ...request, body: JSON.stringify({ ...named, documentId: idOf(query) }) };
  },
});
// #endregion trusted

export async function check(athlete: string): Promise<void> {
  const { athlete: found } = await latest(athlete, 3);
  const { nodes, pageInfo } = found!.activities!;
  assert.equal(nodes.length, 3);
  const next = await latest(athlete, 3, pageInfo.endCursor!);
  assert.equal(new Set([...nodes, ...next.athlete!.activities!.nodes].map(({ id }) => id)).size, 6);
  assert.deepEqual(await trusted.request(TrustedBests, { athlete }), await client.request(Bests, { athlete }));
  const refused = await trusted.request('{ __typename }').catch((error: unknown) => error);
  assert.deepEqual(codesOf(refused), ['PERSISTED_QUERY_NOT_FOUND']);
  const unknown = await latest(athlete, 3, 'x').catch((error: unknown) => error);
  assert.deepEqual(codesOf(unknown), ['INVALID_CURSOR']);
  const invalid = await client.request('{ absent }').catch((error: unknown) => error);
  assert.deepEqual(codesOf(invalid), ['GRAPHQL_VALIDATION_FAILED']);
  assert.equal((invalid as ClientError).response.status, 422);
  const { data, errors, status } = await patient.rawRequest<{ __typename: string }>('{ __typename activities(first: 0) { totalCount } }');
  assert.deepEqual([data.__typename, errors?.[0]?.extensions.code, status], ['Query', 'OUT_OF_RANGE', 294]);
}
