// What syncs, imports and other clients change: each event makes the app look again (freshness.ts).
import { stringifyDocument } from '@urql/core';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { connectionIsLost, watchConnection } from './connection.ts';
import type { Freshness } from './freshness.ts';
import { graphql } from './graphql.ts';

export const AthleteChanged = graphql(`
  subscription AthleteChanged($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) { changedAt }
  }
`);

/**
 * Follow an athlete's changes. After a lost connection what was missed comes first. Not through the cache: it
 * keeps what a subscription brought above all that is asked later, as long as the subscription goes on.
 */
export function useChanges(athlete: string, freshness: Freshness): void {
  const client = useClient();
  const [since, setSince] = useState<string | null>(null);
  useEffect(() => watchConnection(() => {
    if (connectionIsLost()) setSince(new Date().toISOString());
  }), []);
  useEffect(() => freshness.socket?.subscribe(
    { query: stringifyDocument(AthleteChanged), variables: { athlete, since } },
    { next: () => freshness.changed(client), error: () => undefined, complete: () => undefined },
  ), [athlete, since, client]);
}
