// What syncs, imports and other clients change: each event makes the app look again (freshness.ts).
import { stringifyDocument } from '@urql/core';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { connectionIsLost, watchConnection } from './connection.ts';
import type { Change, Freshness } from './freshness.ts';
import { graphql, type ResultOf } from './graphql.ts';
import { subscribePatiently } from './patience.ts';

export const AthleteChanged = graphql(`
  subscription AthleteChanged($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) {
      activities { id }
      deletedActivityIds
      distances
      isComplete
      changedAt
    }
  }
`);

type Event = ResultOf<typeof AthleteChanged>['athleteChanged'];

const changeOf = ({ activities, deletedActivityIds, distances, isComplete }: Event): Change => ({
  runs: new Set([...activities.map(({ id }) => id), ...deletedActivityIds]),
  hasBests: distances.length > 0,
  isComplete,
});

/** What an event that could not be answered tells. */
const UNKNOWN: Change = { runs: new Set(), hasBests: false, isComplete: false };

/**
 * Follow an athlete's changes. After a lost connection or a refused event what was missed comes first. Not through
 * the cache: it keeps what a subscription brought above all that is asked later, as long as the subscription goes on.
 */
export function useChanges(athlete: string, freshness: Freshness): void {
  const client = useClient();
  const [lostAt, setLostAt] = useState<string | null>(null);
  useEffect(() => watchConnection(() => {
    if (connectionIsLost()) setLostAt(new Date().toISOString());
  }), []);
  useEffect(() => {
    if (!freshness.socket) return undefined;
    const began = new Date().toISOString();
    let since = lostAt;
    const next = ({ data }: { data?: { athleteChanged: Event } | null }): void => {
      if (!data) return freshness.changed(client, UNKNOWN);
      since = data.athleteChanged.changedAt;
      freshness.changed(client, changeOf(data.athleteChanged));
    };
    const payload = () => {
      const variables = { athlete, since };
      since ??= began; // where the next attempt goes on
      return { query: stringifyDocument(AthleteChanged), variables };
    };
    return subscribePatiently(freshness.socket, payload, { next, error: () => undefined, complete: () => undefined });
  }, [athlete, lostAt, client]);
}
