// One distance: how the best came down over the years, and the fastest efforts.
import { useState } from 'react';
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { domainOf, ticks, timeTicks } from '../charts/scale.ts';
import { dateTicks, XYChart } from '../charts/XYChart.tsx';
import { DISTANCES, distanceName, isDistance } from '../distances.ts';
import { graphql, nodesOf, type ResultOf, type VariablesOf } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { useShown } from '../shown.ts';
import { Icon } from '../ui/Icon.tsx';
import { Empty, Failure, messageOf, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { duration, gain, millis, percent, recordTime, shortDay, tick, useUnits } from '../units.ts';
import { useViewer } from '../viewer.ts';

export const DistanceQuery = graphql(`
  query Distance($athlete: ID!, $distance: StandardDistance!) {
    athlete(id: $athlete) {
      id
      personalBestHistory(distance: $distance, first: 100) {
        nodes { id elapsedTimeSeconds improvementSeconds activity { id startedAtLocal } }
      }
      bestEfforts(distance: $distance, first: 200, includeExcluded: true) {
        nodes {
          id
          distanceMeters
          elapsedTimeSeconds
          rank
          isPersonalBest
          excluded
          counts
          ageGrade { percent }
          activity { id name startedAtLocal }
        }
      }
    }
  }
`);

export const ExcludeEffort = graphql(`
  mutation ExcludeEffort($effort: ID!, $excluded: Boolean!) {
    excludeBestEffort(input: { bestEffortId: $effort, excluded: $excluded }) {
      bestEffort { id excluded counts rank isPersonalBest }
      athlete { id }
      userErrors { message }
    }
  }
`);

type Known = NonNullable<ResultOf<typeof DistanceQuery>['athlete']>;
type Effort = NonNullable<Known['bestEfforts']>['nodes'][number];
type Code = VariablesOf<typeof DistanceQuery>['distance'];

/** On a phone the list of distances is wider than the page. */
function showCurrent(list: HTMLElement | null): void {
  const current = list?.querySelector<HTMLElement>('[aria-current]');
  if (list && current) list.scrollLeft = current.offsetLeft - list.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
}

export function DistancePage({ distance }: { distance: string }) {
  const { athlete } = useViewer();
  const [{ data, error }, ask] = useShown({
    query: DistanceQuery, variables: { athlete: athlete.id, distance: distance as Code }, pause: !isDistance(distance),
  });
  if (!isDistance(distance)) {
    return <><Title name="Not found">There is no such distance</Title><p><Link href="/bests">All bests</Link></p></>;
  }
  const known = data?.athlete;
  return (
    <>
      <Link href="/bests" className="back"><Icon name="back" />All bests</Link>
      <div className="page-head">
        <Title name={distanceName(distance)}>{distanceName(distance)}</Title>
        <nav className="choice scrolls" aria-label="Distances" ref={showCurrent}>
          {DISTANCES.map((each) => (
            <Link key={each} href={`/bests/${each}`} aria-current={each === distance ? 'page' : undefined}>{distanceName(each)}</Link>
          ))}
        </nav>
      </div>
      {known ? <Distance known={known} /> : error
        ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />
        : <Skeleton lines={2} height={320} />}
    </>
  );
}

function Distance({ known }: { known: Known }) {
  const efforts = nodesOf(known.bestEfforts).filter(({ counts, excluded }) => counts || excluded); // of a run its one recording
  if (efforts.length === 0) {
    return <div className="card"><Empty icon="bests" title="No run is as long as this yet" /></div>;
  }
  return (
    <div className="stack">
      <Progress known={known} />
      <div className="pair">
        <EffortTable efforts={efforts} />
        <History history={nodesOf(known.personalBestHistory)} />
      </div>
    </div>
  );
}

function Progress({ known }: { known: Known }) {
  const counted = nodesOf(known.bestEfforts).filter(({ counts }) => counts);
  const [by, choose] = useState<'time' | 'age'>('time');
  const isGraded = counted.some((effort) => effort.ageGrade);
  const value = (effort: Effort) => (by === 'time' ? effort.elapsedTimeSeconds : effort.ageGrade?.percent ?? null);
  const dots = counted.flatMap((effort) => {
    const y = value(effort);
    const label = `${shortDay(effort.activity.startedAtLocal)}: ${recordTime(effort.elapsedTimeSeconds)}${effort.ageGrade ? `, ${percent(effort.ageGrade.percent)}` : ''}`;
    return y === null ? [] : [{ x: millis(effort.activity.startedAtLocal), y, label, isStrong: effort.isPersonalBest }];
  });
  const xs = dots.map(({ x }) => x);
  const week = 7 * 86_400_000;
  const xDomain = [Math.min(...xs) - week, Math.max(...xs) + week] as const;
  const yDomain = domainOf(dots.map(({ y }) => y), { cut: 0.02, least: by === 'time' ? 5 : 2 });
  const history = [...nodesOf(known.personalBestHistory)].reverse();
  const line = history.map((best) => ({ x: millis(best.activity.startedAtLocal), y: best.elapsedTimeSeconds }));
  const last = line[line.length - 1];
  if (last) line.push({ x: xDomain[1], y: last.y });
  return (
    <section className="card padded tone-pace" aria-labelledby="progress">
      <div className="card-head">
        <h2 id="progress">{by === 'time' ? 'Every effort, and the best so far' : 'Age grade of every effort'}</h2>
        {isGraded && (
          <div className="choice" role="group" aria-label="Vertical axis">
            <button type="button" aria-pressed={by === 'time'} onClick={() => choose('time')}>Time</button>
            <button type="button" aria-pressed={by === 'age'} onClick={() => choose('age')}>Age grade</button>
          </div>
        )}
      </div>
      <XYChart
        name={`${dots.length} efforts over time, the best ${recordTime(Math.min(...counted.map((each) => each.elapsedTimeSeconds)))}`}
        xDomain={xDomain}
        yDomain={yDomain}
        isUpsideDown={by === 'time'}
        line={by === 'time' ? line : undefined}
        isStep
        dots={dots}
        xTicks={dateTicks(xDomain, 6)}
        yTicks={(by === 'time' ? timeTicks(yDomain, 5) : ticks(yDomain, 5)).map((at) => ({ at, label: by === 'time' ? duration(at) : `${tick(at)} %` }))}
      />
    </section>
  );
}

const SHOWN = 20;

function EffortTable({ efforts }: { efforts: readonly Effort[] }) {
  const { maySync } = useViewer();
  const units = useUnits();
  const [{ data, error, fetching }, exclude] = useMutation(ExcludeEffort);
  const problem = data?.excludeBestEffort.userErrors[0]?.message ?? (error && messageOf(error));
  const [isLong, lengthen] = useState(false);
  const shown = isLong ? efforts : efforts.slice(0, SHOWN);
  return (
    <section className="card padded scrolls" aria-labelledby="fastest">
      <div className="card-head"><h2 id="fastest">Fastest efforts</h2></div>
      <table>
        <thead>
          <tr><th scope="col">Rank</th><th scope="col">Time</th><th scope="col">Pace</th><th scope="col">Run</th>{maySync && <th scope="col">Counts</th>}</tr>
        </thead>
        <tbody>
          {shown.map((effort) => (
            <tr key={effort.id} className={effort.excluded ? 'excluded' : undefined}>
              <th scope="row">{effort.excluded ? '–' : effort.rank}</th>
              <td className="strong">{recordTime(effort.elapsedTimeSeconds)}</td>
              <td>{units.pace((1000 * effort.elapsedTimeSeconds) / effort.distanceMeters).value}</td>
              <td><Link href={runPath(effort.activity.id)}>{shortDay(effort.activity.startedAtLocal)}</Link></td>
              {maySync && (
                <td>
                  <input
                    type="checkbox" checked={effort.counts} disabled={fetching}
                    aria-label={`The effort of ${shortDay(effort.activity.startedAtLocal)} counts`}
                    onChange={() => exclude({ effort: effort.id, excluded: !effort.excluded })}
                  />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {problem && <p className="problem" role="alert">{problem}</p>}
      {efforts.length > SHOWN && !isLong && (
        <button type="button" className="button quiet" onClick={() => lengthen(true)}>Show all {efforts.length}</button>
      )}
    </section>
  );
}

function History({ history }: { history: readonly NonNullable<Known['personalBestHistory']>['nodes'][number][] }) {
  return (
    <section className="card padded" aria-labelledby="history">
      <div className="card-head"><h2 id="history">How the best came down</h2></div>
      <table>
        <thead><tr><th scope="col">Day</th><th scope="col">Time</th><th scope="col">Faster by</th></tr></thead>
        <tbody>
          {history.map((best) => (
            <tr key={best.id}>
              <th scope="row"><Link href={runPath(best.activity.id)}>{shortDay(best.activity.startedAtLocal)}</Link></th>
              <td className="strong">{recordTime(best.elapsedTimeSeconds)}</td>
              <td>{best.improvementSeconds === null ? '–' : gain(best.improvementSeconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
