// What the fastest efforts of some time promise: times by two rules, and the critical speed.
import { useState } from 'react';
import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type ResultOf, type VariablesOf } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { useShown } from '../shown.ts';
import { Figures } from '../ui/Figures.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';
import { duration, recordTime, shortDay, useUnits, whole } from '../units.ts';
import { useViewer } from '../viewer.ts';

const Prediction = graphql(`
  fragment Prediction on RacePrediction {
    distance
    elapsedTimeSeconds
    bestEffort { id distance elapsedTimeSeconds activity { id startedAtLocal } }
  }
`);

export const PredictionsQuery = graphql(`
  query Predictions($athlete: ID!, $from: Date, $distances: [StandardDistance!]!) {
    athlete(id: $athlete) {
      id
      riegel: racePredictions(method: RIEGEL, from: $from, distances: $distances) { ...Prediction }
      cameron: racePredictions(method: CAMERON, from: $from, distances: $distances) { ...Prediction }
      criticalSpeed(from: $from) { paceSecondsPerKilometer distanceAboveMeters firstDay lastDay }
    }
  }
`, [Prediction]);

type Known = NonNullable<ResultOf<typeof PredictionsQuery>['athlete']>;

const RACES: VariablesOf<typeof PredictionsQuery>['distances'] = ['KM5', 'KM10', 'HALF_MARATHON', 'MARATHON'];
const PERIODS = { 'Half a year': null, 'All years': '1900-01-01' } as const;
type Period = keyof typeof PERIODS;

export function Predictions() {
  const { athlete } = useViewer();
  const [period, choose] = useState<Period>('Half a year');
  const variables = { athlete: athlete.id, from: PERIODS[period], distances: RACES };
  const [{ data, error }, ask] = useShown({ query: PredictionsQuery, variables });
  return (
    <section className="card padded scrolls" aria-labelledby="predictions">
      <div className="card-head">
        <h2 id="predictions">Race predictions</h2>
        <div className="choice" role="group" aria-label="Efforts of">
          {(Object.keys(PERIODS) as Period[]).map((each) => (
            <button key={each} type="button" aria-pressed={each === period} onClick={() => choose(each)}>{each}</button>
          ))}
        </div>
      </div>
      {data?.athlete ? <Table athlete={data.athlete} /> : error
        ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />
        : <Skeleton lines={4} height={32} />}
    </section>
  );
}

function Table({ athlete: { riegel, cameron, criticalSpeed } }: { athlete: Known }) {
  const units = useUnits();
  const [byRiegel, byCameron] = [readFragment(Prediction, riegel), readFragment(Prediction, cameron)];
  if (byRiegel.length === 0 && criticalSpeed === null) return <p className="quiet-text">No effort of this time promises anything.</p>;
  return (
    <>
      {byRiegel.length > 0 && (
        <table>
          <thead>
            <tr><th scope="col">Distance</th><th scope="col">Riegel</th><th scope="col">Cameron</th><th scope="col">Rests on</th></tr>
          </thead>
          <tbody>
            {byRiegel.map(({ distance, elapsedTimeSeconds, bestEffort }) => {
              const other = byCameron.find((each) => each.distance === distance);
              return (
                <tr key={distance}>
                  <th scope="row">{distanceName(distance)}</th>
                  <td className="strong">{duration(elapsedTimeSeconds)}</td>
                  <td>{other ? duration(other.elapsedTimeSeconds) : '–'}</td>
                  <td>
                    <Link href={runPath(bestEffort.activity.id)}>
                      {distanceName(bestEffort.distance)} in {recordTime(bestEffort.elapsedTimeSeconds)}, {shortDay(bestEffort.activity.startedAtLocal)}
                    </Link>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {criticalSpeed && (
        <Figures size="small" of={[
          ['Critical pace', units.pace(criticalSpeed.paceSecondsPerKilometer)],
          ['Distance above it', { value: whole(criticalSpeed.distanceAboveMeters), unit: 'm' }],
        ]} />
      )}
    </>
  );
}
