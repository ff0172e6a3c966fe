// Asks again when something changed elsewhere: what is shown at once, everything else when it is shown next.
import { makeOperation, mapExchange, type Client, type Exchange, type Operation } from '@urql/core';
import type { Client as SocketClient } from 'graphql-ws';

export type Freshness = { exchange: Exchange; socket: SocketClient | null; changed: (client: Client) => void };

const asking = (operation: Operation, requestPolicy: 'cache-and-network' | 'network-only'): Operation =>
  makeOperation('query', operation, { ...operation.context, requestPolicy });

export function createFreshness(): Freshness {
  const shown = new Map<number, Operation>();
  const askedAt = new Map<number, number>();
  let changedAt = 0;
  const exchange = mapExchange({
    onOperation(operation) {
      if (operation.kind === 'teardown') shown.delete(operation.key);
      if (operation.kind !== 'query') return undefined;
      shown.set(operation.key, operation);
      const isOld = (askedAt.get(operation.key) ?? Infinity) < changedAt;
      if (isOld || !askedAt.has(operation.key)) askedAt.set(operation.key, Date.now());
      return isOld && operation.context.requestPolicy === 'cache-first' ? asking(operation, 'cache-and-network') : undefined;
    },
  });
  return {
    exchange,
    socket: null,
    changed(client) {
      changedAt = Date.now();
      for (const operation of [...shown.values()]) {
        askedAt.set(operation.key, changedAt);
        client.reexecuteOperation(asking(operation, 'network-only'));
      }
    },
  };
}
