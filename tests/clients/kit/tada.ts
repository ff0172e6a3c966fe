import assert from 'node:assert/strict';

// #region graphql
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './generated/graphql-env';

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    /** An instant in UTC: 2026-11-29T15:04:05Z, with at most six decimals. */
    DateTime: string;
    /** The runner's own clock, without an offset: 2026-11-29T16:04:05. */
    LocalDateTime: string;
    /** A calendar day: 2026-11-29. */
    Date: string;
  };
}>();
// #endregion graphql

// #region document
import { readFragment, type FragmentOf } from 'gql.tada';
import { api, authorization } from './session';

export const BestRow_best = graphql(`
  fragment BestRow_best on PersonalBest {
    id
    distanceLabel
    elapsedTimeSeconds
    activity { id startedAtLocal }
  }
`);

export const Bests = graphql(`
  query Bests($athlete: ID!) {
    athlete(id: $athlete) {
      id
      personalBests { id ...BestRow_best }
    }
  }
`, [BestRow_best]);

export function bestRow(best: FragmentOf<typeof BestRow_best>): string {
  const { distanceLabel, elapsedTimeSeconds, activity } = readFragment(BestRow_best, best);
  return `${distanceLabel} in ${elapsedTimeSeconds} s on ${activity.startedAtLocal.slice(0, 10)}`;
}
// #endregion document

// #region trusted
/** The id of `Bests` in the manifest that `gql.tada generate-persisted` writes. */
export const TrustedBests = graphql.persisted('sha256:21a45ccaa1ea1df9d82b955bf190962d7e0d5806c3bd4c553b0008473ae4b916', Bests);
// #endregion trusted

// #region request
import { print } from 'graphql';
import type { TadaDocumentNode } from 'gql.tada';

/** A trusted document has an id instead of a text. */
const named = (document: TadaDocumentNode<unknown, unknown> & { documentId?: string }) =>
  document.documentId ? { documentId: document.documentId } : { query: print(document) };

/** Any client of this kit takes such documents. This is one without a library. */
export async function request<Data, Variables>(document: TadaDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const response = await fetch(`${api}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...authorization() },
    body: JSON.stringify({ ...named(document as never), variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string; extensions: { code: string; coordinate?: string } }[] };
  if (!data || errors) throw new Error(errors!.map(({ message, extensions }) => `${extensions.code}: ${message}`).join('\n'));
  return data;
}
// #endregion request

export async function check(athlete: string): Promise<void> {
  const { athlete: found } = await request(Bests, { athlete });
  assert.equal(found!.personalBests.length, 9);
  assert.equal(bestRow(found!.personalBests[0]!), '400 m in 79.316 s on 2020-08-07');
  assert.deepEqual(await request(TrustedBests, { athlete }), { athlete: found });
  await assert.rejects(request(Bests, { athlete: 'x' }), /^Error: INVALID_ID: /);
}
