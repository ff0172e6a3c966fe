// What syncs, imports and other clients change: each event makes the app look again (freshness.ts).
import { stringifyDocument } from '@urql/core';
import { useEffect, useRef, useState } from 'react';
import { useClient } from 'urql';
import { connectionIsLost, watchConnection } from './connection.ts';
import type { Change, Freshness } from './freshness.ts';
import { graphql, type ResultOf } from './graphql.ts';
import { follow } from './patience.ts';

export const AthleteChanged = graphql(`
  subscription AthleteChanged($athlete: ID!, $since: DateTime) {
    athleteChanged(athleteId: $athlete, since: $since) {
      activities { id }
      deletedActivityIds
      distances
      athlete { id }
      isComplete
      changedAt
    }
  }
`);

type Event = ResultOf<typeof AthleteChanged>['athleteChanged'];

const changeOf = ({ activities, deletedActivityIds, distances, athlete, isComplete }: Event): Change => ({
  runs: new Set([...activities.map(({ id }) => id), ...deletedActivityIds]),
  hasBests: distances.length > 0,
  isOfAthlete: athlete !== null,
  isComplete,
});

/** What an event that could not be answered tells. */
const UNKNOWN: Change = { runs: new Set(), hasBests: false, isOfAthlete: true, isComplete: false };

/**
 * Follow an athlete's changes; tells whether the server refuses that for long. After a lost connection or a refused event
 * what was missed comes first. Not through the cache: it keeps what a subscription brought above all that is asked later,
 * as long as the subscription goes on. `begun` is when the page began, by the server's clock.
 */
export function useChanges(athlete: string, begun: string, freshness: Freshness): boolean {
  const client = useClient();
  const since = useRef(begun); // then of the last event
  const [losses, countLoss] = useState(0);
  const [isAway, tellAway] = useState(false);
  useEffect(() => watchConnection(() => {
    if (connectionIsLost()) countLoss((count) => count + 1);
  }), []);
  useEffect(() => {
    if (!freshness.socket) return undefined;
    const next = ({ data }: { data?: { athleteChanged: Event } | null }): void => {
      if (!data) return freshness.changed(client, UNKNOWN);
      since.current = data.athleteChanged.changedAt;
      freshness.changed(client, changeOf(data.athleteChanged));
    };
    const payload = () => ({ query: stringifyDocument(AthleteChanged), variables: { athlete, since: since.current } });
    return follow(freshness.socket, payload, next, tellAway);
  }, [athlete, losses, client]);
  return isAway;
}
