// Typed documents: gql.tada reads schema.graphql, so a query's result needs no types of our own.
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './graphql-env.d.ts';

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    /** An instant in UTC, as RFC 3339. */
    DateTime: string;
    /** The runner's local clock, without offset. */
    LocalDateTime: string;
    /** A calendar day, as YYYY-MM-DD. */
    Date: string;
  };
}>();

export { readFragment } from 'gql.tada';
export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';

/** The entries of a page of a list. It is null where the server refused an argument, which is an error. */
export const nodesOf = <Node>(page: { nodes: readonly Node[] } | null): readonly Node[] => page?.nodes ?? [];
