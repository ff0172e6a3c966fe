// Asks again when something changed elsewhere: what is shown at once, everything else when it is shown next.
import { makeOperation, type Client, type Exchange, type Operation } from '@urql/core';
import type { Client as SocketClient } from 'graphql-ws';
import { map, pipe, tap } from 'wonka';

/** What an event of `athleteChanged` tells. Of several events it is all that they tell. */
export type Change = { runs: Set<string>; hasBests: boolean; isOfAthlete: boolean; isComplete: boolean };

/** `beforeCache` sees what is shown, `behindCache` what the server is asked for. */
export type Freshness = {
  beforeCache: Exchange;
  behindCache: Exchange;
  socket: SocketClient | null;
  changed: (client: Client, change: Change) => void;
};

/** A sync tells of each page that it stores: changes that come within this time are asked for at once. */
const GATHER_MS = 300;

/** They show neither runs nor bests, and the second nothing of the athlete's own data. */
const VIEWER = 'Viewer';
const UNTOUCHED = new Set([VIEWER, 'ImportReport']);

const nameOf = ({ query }: Operation): string | undefined =>
  query.definitions.flatMap((each) => (each.kind === 'OperationDefinition' ? [each.name?.value] : []))[0];

/** Whether the answer to a query may be another one now. What is about one run depends on that run, bests and shoes. */
function isTouched(operation: Operation, { runs, hasBests, isOfAthlete, isComplete }: Change): boolean {
  const { id } = operation.variables as { id?: string };
  const name = nameOf(operation) ?? '';
  if (UNTOUCHED.has(name)) return isOfAthlete && name === VIEWER;
  return id === undefined || !isComplete || hasBests || isOfAthlete || runs.has(id);
}

const together = (one: Change | null, other: Change): Change => ({
  runs: new Set([...(one?.runs ?? []), ...other.runs]),
  hasBests: other.hasBests || (one?.hasBests ?? false),
  isOfAthlete: other.isOfAthlete || (one?.isOfAthlete ?? false),
  isComplete: other.isComplete && (one?.isComplete ?? true),
});

const asking = (operation: Operation, requestPolicy: 'cache-and-network' | 'network-only'): Operation =>
  makeOperation('query', operation, { ...operation.context, requestPolicy });

export function createFreshness(): Freshness {
  const shown = new Map<number, Operation>();
  const asked = new Map<number, Operation>(); // all that the cache may have
  const old = new Set<number>(); // what has to be asked for when it is shown next, or once its answer is here
  const failed = new Set<number>(); // what got no answer: asked for with the next change, or when it is shown next
  const underWay = new Set<number>(); // what the server is asked for
  let round: Operation[] = []; // what was asked for again last
  let gathered: Change | null = null;
  let timer = 0;

  const askAgain = (client: Client) => {
    timer = 0;
    if (gathered) {
      for (const operation of asked.values()) if (isTouched(operation, gathered) || failed.has(operation.key)) old.add(operation.key);
    }
    gathered = null;
    if (round.some(({ key }) => underWay.has(key))) return; // each round after the one before: a slow server is not asked faster
    // The client drops what it has under way: that answer may be of before the change, so it is asked for after it.
    round = [...shown.values()].filter(({ key }) => old.has(key) && !underWay.has(key));
    for (const operation of round) client.reexecuteOperation(asking(operation, 'network-only'));
  };
  const ended = (client: Client, key: number) => {
    underWay.delete(key);
    if (!timer && [...shown.keys()].some((each) => old.has(each))) timer = window.setTimeout(askAgain, 0, client);
  };

  // Not `mapExchange`, which passes over teardowns: a page that is left before its answer would be waited for for ever.
  const beforeCache: Exchange = ({ forward }) => (operations) => forward(pipe(operations, map((operation) => {
    const { kind, key, context } = operation;
    if (kind === 'teardown') shown.delete(key);
    if (kind !== 'query') return operation;
    shown.set(key, operation);
    asked.set(key, operation);
    const isOld = old.has(key) || failed.has(key);
    return isOld && context.requestPolicy === 'cache-first' ? asking(operation, 'cache-and-network') : operation;
  })));

  // Only here is known what is asked for: the cache answers some queries, and drops some that it repeats by itself.
  const behindCache: Exchange = ({ client, forward }) => (operations) => pipe(
    operations,
    tap(({ kind, key }) => {
      if (kind === 'query') {
        old.delete(key);
        failed.delete(key);
        underWay.add(key);
      } else if (kind === 'teardown') {
        if (underWay.has(key)) old.add(key); // React shows a page by a first request that it ends at once
        ended(client, key);
      }
    }),
    forward,
    tap(({ operation, data, error }) => {
      if (operation.kind !== 'query') return;
      ended(client, operation.key);
      if (error && !data) failed.add(operation.key);
    }),
  );

  return {
    beforeCache,
    behindCache,
    socket: null,
    changed(client, change) {
      gathered = together(gathered, change);
      if (!timer) timer = window.setTimeout(askAgain, GATHER_MS, client);
    },
  };
}
