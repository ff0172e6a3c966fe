#!/usr/bin/env bash
# @urql/core's mapExchange calls `onOperation` for operations that come in. Up to 6.0.1 it did so for
# teardowns too, which are operations of the kind "teardown". From 6.0.2, a patch release whose notes
# tell only of operations that are mapped asynchronously, it passes teardowns on unheard. An exchange
# that learns from `onOperation` which queries are still open keeps those that were left for ever.
#
# Seen: 6.0.1 hears query, teardown; 6.0.3 hears query. Both pass both on.
# For pacegraph: examples/web/src/freshness.ts hears teardowns in an exchange of its own.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/seen.mjs" <<'JS'
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
const of = createRequire(`${process.argv[2]}/`);
const { Client, mapExchange } = of('@urql/core');
const { filter, pipe } = of('wonka');

const heard = [], passedOn = [];
const end = () => (operations) => pipe(operations, filter((each) => { passedOn.push(each.kind); return false; }));
const hearing = mapExchange({ onOperation: (each) => { heard.push(each.kind); } });
const client = new Client({ url: 'http://127.0.0.1/', preferGetMethod: false, exchanges: [hearing, end] });
client.query('{ a }', {}).subscribe(() => {}).unsubscribe();
await new Promise((later) => setTimeout(later, 50));
console.log('hears', heard.join(', '), '- passes on', passedOn.join(', '));
assert.deepEqual(passedOn, ['query', 'teardown']);
assert.deepEqual(heard, process.argv[3].split(','));
JS
for seen in 6.0.1:query,teardown 6.0.3:query; do
	version=${seen%%:*}
	mkdir "$folder/$version"
	npm install --silent --no-fund --no-audit --prefix "$folder/$version" \
		"@urql/core@$version" wonka@6.3.6 graphql@16.15.0 > /dev/null
	echo "@urql/core $version"
	node "$folder/seen.mjs" "$folder/$version" "${seen#*:}"
done
