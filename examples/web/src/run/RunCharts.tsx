// Pace, heart rate, climb, cadence and power over the way or the time, with one cross-hair for all.
import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { graphql, readFragment, type FragmentOf, type ResultOf } from '../graphql.ts';
import { paceSeries } from '../charts/pace.ts';
import { domainOf, nearest, ticks, timeTicks, type Domain } from '../charts/scale.ts';
import { TrackChart, type Curve } from '../charts/TrackChart.tsx';
import { Empty } from '../ui/states.tsx';
import { duration, useUnits, whole, type Units } from '../units.ts';

export const RunCharts_activity = graphql(`
  fragment RunCharts_activity on Activity {
    id
    averagePaceSecondsPerKilometer
    averageHeartRate
    streams(maxPoints: 500) {
      sampleCount
      timeSeconds
      distanceMeters
      heartRate
      cadence
      altitudeMeters
      powerWatts
      gapsAfter
    }
  }
`);

type Streams = NonNullable<ResultOf<typeof RunCharts_activity>['streams']>;
type Column = readonly (number | null)[];

const mean = (column: Column): number => {
  const known = column.filter((each): each is number => each !== null);
  return known.reduce((sum, each) => sum + each, 0) / Math.max(1, known.length);
};

const isRecorded = (column: Column | null): column is Column => !!column?.some((each) => each !== null);

function curvesOf(streams: Streams, gaps: ReadonlySet<number>, average: { pace: number | null; heart: number | null }, units: Units): Curve[] {
  const perUnit = units.unitMeters / 1000;
  const pace = paceSeries(streams.timeSeconds, streams.distanceMeters, gaps).map((each) => (each === null ? null : each * perUnit));
  const curves: Curve[] = [{
    name: 'Pace', values: pace, domain: domainOf(pace, { cut: 0.03, least: 60 }), format: duration, unit: `/${units.unit}`,
    tone: 'pace', isUpsideDown: true, isTime: true, summary: `${units.pace(average.pace).value} /${units.unit} on average`,
  }];
  if (isRecorded(streams.heartRate)) {
    const heart = average.heart ?? mean(streams.heartRate);
    curves.push({
      name: 'Heart rate', values: streams.heartRate, domain: domainOf(streams.heartRate, { least: 20 }), format: whole, unit: 'bpm',
      tone: 'heart', summary: `${whole(heart)} bpm on average`,
    });
  }
  if (isRecorded(streams.altitudeMeters)) {
    const scale = units.system === 'METRIC' ? 1 : 1 / 0.3048;
    const altitude = streams.altitudeMeters.map((each) => (each === null ? null : each * scale));
    const known = altitude.filter((each): each is number => each !== null);
    const unit = units.elevation(0).unit;
    curves.push({
      name: 'Elevation', values: altitude, domain: domainOf(altitude, { least: 20 }), format: whole, unit, tone: 'climb', isArea: true,
      summary: `${whole(Math.min(...known))} to ${whole(Math.max(...known))} ${unit}`,
    });
  }
  if (isRecorded(streams.cadence)) {
    const steps = streams.cadence.map((each) => (each === null ? null : each * 2));
    curves.push({
      name: 'Cadence', values: steps, domain: domainOf(steps, { cut: 0.02, least: 20 }), format: whole, unit: 'steps/min', tone: 'cadence',
      summary: `${whole(mean(steps))} steps/min on average`,
    });
  }
  if (isRecorded(streams.powerWatts)) {
    curves.push({
      name: 'Power', values: streams.powerWatts, domain: domainOf(streams.powerWatts, { cut: 0.02, least: 50 }), format: whole, unit: 'W',
      tone: 'power', summary: `${whole(mean(streams.powerWatts))} W on average`,
    });
  }
  return curves;
}

/** A part of the run, in seconds from its start. */
export type Mark = { from: number; until: number };

type Props = { activity: FragmentOf<typeof RunCharts_activity>; mark: Mark | null; onPlace: (meters: number | null) => void };

export function RunCharts({ activity, mark, onPlace }: Props) {
  const run = readFragment(RunCharts_activity, activity);
  if (!run.streams || run.streams.timeSeconds.length < 2) {
    return (
      <section className="card charts" aria-label="Charts">
        <Empty icon="training" title="No recording">
          <p>This run has only its totals: it was entered by hand, or its samples are still to come.</p>
        </Empty>
      </section>
    );
  }
  const average = { pace: run.averagePaceSecondsPerKilometer, heart: run.averageHeartRate };
  return <Charts streams={run.streams} average={average} mark={mark} onPlace={onPlace} />;
}

function Charts({ streams, average, mark, onPlace }: {
  streams: Streams; average: { pace: number | null; heart: number | null }; mark: Mark | null; onPlace: (meters: number | null) => void;
}) {
  const units = useUnits();
  const [over, setOver] = useState<'distance' | 'time'>('distance');
  const [cursor, setCursor] = useState<number | null>(null);
  const gaps = useMemo(() => new Set(streams.gapsAfter), [streams]);
  const curves = useMemo(() => curvesOf(streams, gaps, average, units), [streams, gaps, average.pace, average.heart, units]);
  const xs = over === 'distance' ? streams.distanceMeters : streams.timeSeconds;
  const domain: Domain = [0, xs[xs.length - 1] || 1];
  const show = (index: number | null) => {
    setCursor(index);
    onPlace(index === null ? null : streams.distanceMeters[index] ?? null);
  };
  const placeOf = (seconds: number) => xs[nearest(streams.timeSeconds, seconds)] ?? 0;
  const band: Domain | null = mark && [placeOf(mark.from), placeOf(mark.until)];
  // A pointer that lies on a chart leaves it when keys scroll the page: what keys chose stays.
  const isByKeys = useRef(false);
  const move = (index: number | null) => {
    isByKeys.current = index !== null;
    show(index);
  };
  const point = (share: number | null) => {
    if (share === null && isByKeys.current) return;
    isByKeys.current = false;
    show(share === null ? null : nearest(xs, share * domain[1]));
  };
  return (
    <section className="card charts" aria-label="Charts">
      <div className="card-head">
        <h2>Charts</h2>
        <div className="choice" role="group" aria-label="Horizontal axis">
          <button type="button" aria-pressed={over === 'distance'} onClick={() => setOver('distance')}>Distance</button>
          <button type="button" aria-pressed={over === 'time'} onClick={() => setOver('time')}>Time</button>
        </div>
      </div>
      {curves.map((curve) => (
        <TrackChart key={curve.name} curve={curve} xs={xs} xDomain={domain} gapsAfter={gaps} band={band} cursor={cursor} onPoint={point} />
      ))}
      <Axis streams={streams} over={over} domain={domain} cursor={cursor} curves={curves} onMove={move} />
    </section>
  );
}

/** The axis is the slider that moves the cross-hair by keys. */
function Axis({ streams, over, domain, cursor, curves, onMove }: {
  streams: Streams; over: 'distance' | 'time'; domain: Domain; cursor: number | null; curves: Curve[]; onMove: (index: number | null) => void;
}) {
  const units = useUnits();
  const last = streams.timeSeconds.length - 1;
  const label = (value: number) => (over === 'distance' ? `${Number((value / units.unitMeters).toFixed(2))}` : duration(value));
  const marks = over === 'distance'
    ? ticks([0, domain[1] / units.unitMeters], 6).map((each) => each * units.unitMeters)
    : timeTicks(domain, 6);
  const at = cursor ?? 0;
  const here = [
    `${units.distance(streams.distanceMeters[at] ?? 0).value} ${units.unit}`,
    duration(streams.timeSeconds[at] ?? 0),
    ...curves.map(({ name, values, format, unit }) => (values[at] == null ? null : `${name} ${format(values[at])} ${unit}`)),
  ].filter(Boolean).join(', ');
  const move = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageDown: -25, PageUp: 25, Home: -last, End: last };
    const step = steps[event.key];
    if (event.key === 'Escape') onMove(null);
    if (step === undefined) return;
    event.preventDefault();
    onMove(Math.min(last, Math.max(0, at + step)));
  };
  return (
    <div
      className="axis" role="slider" tabIndex={0} aria-label="Place in the run" aria-valuemin={0} aria-valuemax={last} aria-valuenow={at}
      aria-valuetext={here} onKeyDown={move} onBlur={() => onMove(null)}
    >
      {marks.map((mark) => (
        <span key={mark} style={{ left: `${(100 * mark) / domain[1]}%` }}>{label(mark)}</span>
      ))}
      <span className="axis-unit">{cursor === null ? (over === 'distance' ? units.unit : 'min') : ''}</span>
    </div>
  );
}
