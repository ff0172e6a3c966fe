// node tests/http_audit/audit.mjs URL
// The audit of GraphQL over HTTP that graphql-http brings, against a server that runs. Prints a line for each that
// does not pass: error (a MUST), warn (a SHOULD), notice (a MAY).
import { auditServer } from 'graphql-http';

const MOST_PATIENCE_MS = 10_000;
const results = await auditServer({
  url: process.argv[2],
  fetchFn: (url, options) => fetch(url, { ...options, signal: AbortSignal.timeout(MOST_PATIENCE_MS) }),
});

const failed = results.filter(({ status }) => status !== 'ok');
for (const { id, name, status, reason, response } of failed) {
  console.log(`${status} ${id} ${name}: ${reason}; the answer was ${response.status}`);
}
console.log(`${results.length - failed.length} of ${results.length} audits pass`);
