// How much was run: volume by week, month or year, training load, and time in heart rate zones.
import { useState } from 'react';
import { ticks } from '../charts/scale.ts';
import { dateTicks, XYChart } from '../charts/XYChart.tsx';
import { graphql, type ResultOf } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Figures } from '../ui/Figures.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { hours, millis, month, shortDay, tick, useUnits, whole } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { Load } from './Load.tsx';
import { Zones, Zones_athlete } from './Zones.tsx';

export const TrainingQuery = graphql(`
  query Training($athlete: ID!, $period: SummaryPeriod!) {
    athlete(id: $athlete) {
      id
      trainingSummary(period: $period) {
        periodStart
        runCount
        distanceMeters
        movingTimeSeconds
        elevationGainMeters
        longestRunMeters
      }
      activities(first: 1) { nodes { id startedAtLocal } }
      ...Zones_athlete
    }
  }
`, [Zones_athlete]);

type Period = 'WEEK' | 'MONTH' | 'YEAR';
type Summary = NonNullable<ResultOf<typeof TrainingQuery>['athlete']>['trainingSummary'][number];

const DAY_MS = 86_400_000;
const PERIODS: Record<Period, { name: string; shown: number; days: number }> = {
  WEEK: { name: 'Weeks', shown: 52, days: 7 },
  MONTH: { name: 'Months', shown: 24, days: 30.4 },
  YEAR: { name: 'Years', shown: 12, days: 365.25 },
};

export function TrainingPage() {
  const { athlete } = useViewer();
  const [period, choose] = useState<Period>('WEEK');
  const [{ data, error }, ask] = useShown({ query: TrainingQuery, variables: { athlete: athlete.id, period } });
  const known = data?.athlete;
  const lastRun = known?.activities?.nodes[0];
  return (
    <>
      <div className="page-head">
        <Title name="Training">Training</Title>
        <div className="choice" role="group" aria-label="Period">
          {(Object.keys(PERIODS) as Period[]).map((each) => (
            <button key={each} type="button" aria-pressed={each === period} onClick={() => choose(each)}>{PERIODS[each].name}</button>
          ))}
        </div>
      </div>
      {known ? (
        <div className="stack">
          <Volume summaries={known.trainingSummary} period={period} />
          {lastRun && <Load athleteId={athlete.id} lastRun={lastRun.startedAtLocal} />}
          <Zones athlete={known} />
        </div>
      ) : error
        ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />
        : <Skeleton lines={2} height={320} />}
    </>
  );
}

const sum = (summaries: readonly Summary[], field: 'runCount' | 'distanceMeters' | 'movingTimeSeconds' | 'elevationGainMeters') =>
  summaries.reduce((total, each) => total + each[field], 0);

function Volume({ summaries, period }: { summaries: readonly Summary[]; period: Period }) {
  const units = useUnits();
  const { shown, days, name } = PERIODS[period];
  const newest = summaries[0];
  if (!newest) return <div className="card"><Empty icon="training" title="No runs yet" /></div>;
  const end = millis(newest.periodStart) + days * DAY_MS;
  const start = end - shown * days * DAY_MS;
  const within = summaries.filter((each) => millis(each.periodStart) >= start);
  const highest = Math.max(...within.map((each) => each.distanceMeters)) / units.unitMeters;
  const yDomain = [0, highest * 1.06 || 1] as const;
  const climb = sum(within, 'elevationGainMeters');
  return (
    <section className="card padded" aria-labelledby="volume">
      <div className="card-head">
        <h2 id="volume">Volume</h2>
        <span className="quiet-text">{units.unit}, the last {shown} {name.toLowerCase()} up to {shortDay(newest.periodStart)}</span>
      </div>
      <XYChart
        name={`Distance by ${period.toLowerCase()}, at most ${whole(highest)} ${units.unit}`}
        xDomain={[start, end]}
        yDomain={yDomain}
        bars={within.map((each) => ({
          x: millis(each.periodStart), width: days * DAY_MS, y: each.distanceMeters / units.unitMeters,
          label: `${period === 'WEEK' ? shortDay(each.periodStart) : period === 'MONTH' ? month(each.periodStart) : each.periodStart.slice(0, 4)}: ${units.distance(each.distanceMeters, 1).value} ${units.unit}, ${hours(each.movingTimeSeconds)}, ${each.runCount} runs`,
        }))}
        xTicks={dateTicks([start, end], 6)}
        yTicks={ticks(yDomain, 4).map((at) => ({ at, label: tick(at) }))}
      />
      <Figures size="small" of={[
        ['Runs', { value: whole(sum(within, 'runCount')), unit: '' }],
        ['Distance', units.distance(sum(within, 'distanceMeters'), 0)],
        ['Moving time', { value: hours(sum(within, 'movingTimeSeconds')), unit: '' }],
        ...(climb > 0 ? [['Climb', units.elevation(climb)] as [string, { value: string; unit: string }]] : []),
        ['Longest run', units.distance(Math.max(...within.map((each) => each.longestRunMeters)), 1)],
      ]} />
    </section>
  );
}
