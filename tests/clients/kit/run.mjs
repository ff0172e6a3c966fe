// Runs the check of a program with the athlete of a running server, and says how long it took.
//
//     PACEGRAPH_URL=… PACEGRAPH_TOKEN=… node run.mjs ATHLETE_ID PROGRAM…
import { resolve } from 'node:path';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket; // browsers and Node 22 have it
const [athlete, ...programs] = process.argv.slice(2);
for (const program of programs) {
  const began = performance.now();
  const { check } = await import(resolve(program));
  await check(athlete);
  console.log(`${program}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
process.exit(0); // clients keep sockets and timers
