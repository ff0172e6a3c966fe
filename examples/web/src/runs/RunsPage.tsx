// All runs, newest first. Each page of the list asks for itself, and for the next one when it is reached.
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { graphql } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { SyncCard } from '../sync/SyncCard.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { useViewer } from '../viewer.ts';
import { whole } from '../units.ts';
import { RunRow, RunRow_activity } from './RunRow.tsx';

export const RunsPageQuery = graphql(`
  query RunsPage($athlete: ID!, $after: String) {
    athlete(id: $athlete) {
      id
      activities(first: 20, after: $after, filter: { includeDuplicates: false }) {
        nodes { id ...RunRow_activity }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`, [RunRow_activity]);

export const RunsCount = graphql(`
  query RunsCount($athlete: ID!) {
    athlete(id: $athlete) {
      id
      activities(first: 1, filter: { includeDuplicates: false }) { totalCount }
    }
  }
`);

export function RunsPage() {
  const { athlete } = useViewer();
  const [{ data }] = useShown({ query: RunsCount, variables: { athlete: athlete.id } });
  const count = data?.athlete?.activities?.totalCount;
  return (
    <>
      <div className="page-head">
        <Title name="Runs">Runs</Title>
        <p className="count">{count === undefined ? '\u00a0' : `${whole(count)} in all`}</p>
      </div>
      <SyncCard />
      <ul className="run-list card">
        <RunsOf athleteId={athlete.id} after={null} />
      </ul>
    </>
  );
}

/** Cursors whose pages were asked for: who comes back finds as long a list. */
const wanted = new Set<string | null>();

/** One page of the list and, below it, the rest. A cursor that changes changes all that follow. */
function RunsOf({ athleteId, after }: { athleteId: string; after: string | null }) {
  const [{ data, error, fetching }, ask] = useShown({ query: RunsPageQuery, variables: { athlete: athleteId, after } });
  const [, redraw] = useState(0);
  const list = data?.athlete?.activities;
  if (!list) {
    if (error) return <li><Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} /></li>;
    return <li className="run-row-skeleton"><Skeleton lines={after ? 3 : 8} height={64} /></li>;
  }
  if (after === null && list.nodes.length === 0) {
    return (
      <li>
        <Empty icon="runs" title={fetching ? 'Looking for runs' : 'No runs yet'}>
          <p>Fetch them from Strava with the button above, or <Link href="/upload">upload files</Link> of your watch.</p>
        </Empty>
      </li>
    );
  }
  const { hasNextPage, endCursor } = list.pageInfo;
  return (
    <>
      {list.nodes.map((activity) => <RunRow key={activity.id} activity={activity} />)}
      {hasNextPage && (wanted.has(endCursor)
        ? <RunsOf athleteId={athleteId} after={endCursor} />
        : <More onReached={() => redraw(wanted.add(endCursor).size)} />)}
    </>
  );
}

/** Reached by scrolling; a button, for those who do not scroll. */
function More({ onReached }: { onReached: () => void }) {
  const place = useRef<HTMLLIElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver(
      ([entry]) => entry?.isIntersecting && onReached(), { rootMargin: '600px' },
    );
    if (place.current) watcher.observe(place.current);
    return () => watcher.disconnect();
  });
  return (
    <li ref={place} className="more">
      <button type="button" className="button quiet" onClick={onReached}>Show more</button>
    </li>
  );
}
