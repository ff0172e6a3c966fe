#!/usr/bin/env bash
# @urql/core 6.0.3: of an answer in the form `pending`, `incremental` with `id`, `completed` it merges
# what @defer sends. The `items` of @stream do not get into their list: they become members "0", "1"
# of the object around it. It also reads no `errors` of `completed`, so a fragment that failed is
# only missing. One expects both, since it announces the form by its types and resolves ids.
#
# Seen: {"page":{"0":{"n":2},"list":[{"n":1}],"name":"a"}} and no error.
# For pacegraph: docs/clients/urql.md asks for the form of 2022-08-24, which urql merges wholly.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit @urql/core@6.0.3 graphql@16.15.0 > /dev/null
cat > seen.mjs <<'JS'
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Client, fetchExchange, gql } from '@urql/core';

const PARTS = [
  {
    data: { page: { list: [{ n: 1 }] } },
    pending: [{ id: '0', path: ['page', 'list'] }, { id: '1', path: ['page'] }, { id: '2', path: ['page'] }],
    hasNext: true,
  },
  { incremental: [{ id: '0', items: [{ n: 2 }] }], completed: [{ id: '0' }], hasNext: true },
  { incremental: [{ id: '1', data: { name: 'a' } }], completed: [{ id: '1' }], hasNext: true },
  { completed: [{ id: '2', errors: [{ message: 'it failed' }] }], hasNext: false },
];
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'multipart/mixed; boundary="-"' });
  for (const part of PARTS) response.write(`\r\n---\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(part)}`);
  response.end('\r\n-----\r\n');
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const client = new Client({ url: `http://127.0.0.1:${server.address().port}/`, exchanges: [fetchExchange], preferGetMethod: false });
const query = gql`{ page { list @stream(initialCount: 1) { n } ... @defer { name } ... @defer { other } } }`;
const last = await new Promise((done) => client.query(query, {}).subscribe((result) => result.hasNext || done(result)));
console.log(JSON.stringify(last.data), last.error ?? 'and no error');
assert.deepEqual(last.data, { page: { 0: { n: 2 }, list: [{ n: 1 }], name: 'a' } });
assert.equal(last.error, undefined);
server.close();
JS
node seen.mjs
