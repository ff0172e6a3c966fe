// One run: figures, route, charts, splits, laps and best efforts.
import { useState } from 'react';
import { Link } from 'wouter';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { useShown } from '../shown.ts';
import { Figures } from '../ui/Figures.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { clock, duration, longDay, useUnits, whole, type Figure } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { Efforts, Efforts_activity } from './Efforts.tsx';
import { Laps, Laps_activity } from './Laps.tsx';
import { Recordings, Recordings_activity } from './Recordings.tsx';
import { RouteMap, RouteMap_activity } from './RouteMap.tsx';
import { RunCharts, RunCharts_activity, type Mark } from './RunCharts.tsx';
import { RunEdit, RunEdit_activity } from './RunEdit.tsx';
import { SameRoute } from './SameRoute.tsx';
import { Splits, Splits_activity } from './Splits.tsx';

export const RunHead_activity = graphql(`
  fragment RunHead_activity on Activity {
    id
    name
    sportType
    source
    startedAtLocal
    startedAtIsHidden
    timezone
    distanceMeters
    movingTimeSeconds
    elapsedTimeSeconds
    averagePaceSecondsPerKilometer
    elevationGainMeters
    averageHeartRate
    maxHeartRate
    averageCadence
    calories
    description
    notes
    deviceName
    isRace
    isTreadmill
    visibility
    gear { id name }
    ...RunEdit_activity
  }
`, [RunEdit_activity]);

export const RunQuery = graphql(`
  query Run($id: ID!, $unit: SplitUnit!) {
    activity(id: $id) {
      id
      ...RunHead_activity
      ...RouteMap_activity
      ...RunCharts_activity
      ...Splits_activity
      ...Laps_activity
      ...Recordings_activity
      ...Efforts_activity
    }
  }
`, [RunHead_activity, RouteMap_activity, RunCharts_activity, Splits_activity, Laps_activity, Recordings_activity, Efforts_activity]);

export function RunPage({ id }: { id: string }) {
  const units = useUnits();
  const unit = units.system === 'METRIC' ? 'KILOMETER' : 'MILE';
  const [{ data, error, fetching }, ask] = useShown({ query: RunQuery, variables: { id, unit } });
  const [place, setPlace] = useState<number | null>(null);
  const [mark, setMark] = useState<Mark | null>(null);
  const activity = data?.activity;
  if (!activity) {
    if (error && !data) return <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />;
    if (fetching || !data) return <Loading />;
    return (
      <>
        <Title name="Run not found">Run not found</Title>
        <Empty icon="runs" title="There is no such run, or it is not shared with you">
          <Link href="/">All runs</Link>
        </Empty>
      </>
    );
  }
  return (
    <article className="run">
      <RunHead activity={activity} />
      <div className="run-body">
        <div className="run-column">
          <RunCharts activity={activity} mark={mark} onPlace={setPlace} />
          <Laps activity={activity} />
        </div>
        <div className="run-column">
          <RouteMap activity={activity} place={place} />
          <Recordings activity={activity} />
          <Splits activity={activity} />
          <Efforts activity={activity} mark={mark} onMark={setMark} />
          <SameRoute id={id} />
        </div>
      </div>
    </article>
  );
}

function Loading() {
  return (
    <div className="run">
      <h1 className="visually-hidden">Run</h1>
      <Skeleton lines={1} height={120} />
      <Skeleton lines={2} height={300} />
    </div>
  );
}

function RunHead({ activity }: { activity: FragmentOf<typeof RunHead_activity> }) {
  const run = readFragment(RunHead_activity, activity);
  const units = useUnits();
  const { maySync } = useViewer();
  const figures: [string, Figure][] = [
    ['Distance', units.distance(run.distanceMeters)],
    ['Moving time', { value: duration(run.movingTimeSeconds), unit: '' }],
    ['Pace', units.pace(run.averagePaceSecondsPerKilometer)],
  ];
  if (run.elapsedTimeSeconds > run.movingTimeSeconds) figures.push(['Elapsed', { value: duration(run.elapsedTimeSeconds), unit: '' }]);
  if (run.averageHeartRate !== null) figures.push(['Heart rate', { value: whole(run.averageHeartRate), unit: 'bpm' }]);
  if (run.maxHeartRate !== null) figures.push(['Highest', { value: whole(run.maxHeartRate), unit: 'bpm' }]);
  if (run.elevationGainMeters) figures.push(['Climb', units.elevation(run.elevationGainMeters)]);
  if (run.averageCadence !== null) figures.push(['Cadence', { value: whole(run.averageCadence * 2), unit: 'steps/min' }]);
  if (run.calories !== null) figures.push(['Energy', { value: whole(run.calories), unit: 'kcal' }]);
  const notes = [
    run.source === 'FILE' ? 'From a file' : null,
    run.deviceName,
    run.gear?.name,
    run.isTreadmill ? 'Treadmill' : null,
    run.sportType === 'Run' ? null : run.sportType,
    run.visibility === 'ONLY_ME' ? 'Only you' : null,
  ].filter(Boolean);
  return (
    <header className="run-head">
      <Link href="/" className="back"><Icon name="back" />All runs</Link>
      <Title name={run.name}>{run.name}{run.isRace && <span className="badge race">Race</span>}</Title>
      <p className="run-date">
        {longDay(run.startedAtLocal)}{!run.startedAtIsHidden && `, ${clock(run.startedAtLocal)}`}
        <span className="quiet-text"> {run.timezone.replaceAll('_', ' ')}</span>
      </p>
      {notes.length > 0 && <p className="quiet-text">{notes.join(' · ')}</p>}
      {run.description && <p className="run-description">{run.description}</p>}
      {run.notes && <p className="run-description run-notes">{run.notes}</p>}
      <Figures of={figures} />
      {maySync && <RunEdit activity={run} />}
    </header>
  );
}
