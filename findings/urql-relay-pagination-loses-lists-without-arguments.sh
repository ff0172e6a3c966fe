#!/usr/bin/env bash
# Graphcache's relayPagination finds the pages of a list by their arguments. A field that is asked for
# without any, such as `runs { nodes { id } }` or `runs { totalCount }`, is stored without arguments, and
# relayPagination passes over it: the resolver gives undefined. The app gets `data: null` and no error,
# although the server has answered.
# With one argument, such as `runs(first: 2)`, the same list is there.
#
# Seen: exchange-graphcache 9.0.2: null without arguments, the list with one.
# For pacegraph: docs/clients/urql.md has a resolver that falls back to what is stored.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-fund --no-audit --prefix "$folder" \
	@urql/core@6.0.3 @urql/exchange-graphcache@9.0.2 graphql@16.15.0 > /dev/null
cat > "$folder/seen.mjs" <<'JS'
import assert from 'node:assert/strict';
import { Client, fetchExchange, gql } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';

const runs = { __typename: 'RunConnection', totalCount: 2, nodes: [{ __typename: 'Run', id: '1' }, { __typename: 'Run', id: '2' }] };
const client = new Client({
  url: 'http://server.example/graphql',
  preferGetMethod: false,
  fetch: async () => new Response(JSON.stringify({ data: { runs } }), { headers: { 'content-type': 'application/json' } }),
  exchanges: [cacheExchange({ keys: { RunConnection: () => null }, resolvers: { Query: { runs: relayPagination() } } }), fetchExchange],
});
const without = await client.query(gql`{ runs { totalCount nodes { id } } }`, {});
const one = await client.query(gql`{ runs(first: 2) { totalCount nodes { id } } }`, {});
console.log('without arguments', JSON.stringify(without.data), '- error', without.error);
console.log('with one         ', JSON.stringify(one.data));
assert.equal(without.error, undefined);
assert.equal(without.data?.runs ?? null, null);
assert.deepEqual(one.data.runs.nodes.map(({ id }) => id), ['1', '2']);
assert.equal(one.data.runs.totalCount, 2);
JS
node "$folder/seen.mjs"
