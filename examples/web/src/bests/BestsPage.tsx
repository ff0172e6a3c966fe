// Personal bests: the table, the curve of pace over distance, and how they grade by age.
import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf, type ResultOf } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { useShown } from '../shown.ts';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Title } from '../ui/Title.tsx';
import { gain, percent, recordTime, shortDay, useUnits } from '../units.ts';
import { useViewer } from '../viewer.ts';
import { AgeGradeChart, AgeGradeChart_best } from './AgeGradeChart.tsx';
import { PaceCurve, PaceCurve_best } from './PaceCurve.tsx';
import { Predictions } from './Predictions.tsx';

export const BestRow_best = graphql(`
  fragment BestRow_best on PersonalBest {
    id
    distance
    distanceMeters
    elapsedTimeSeconds
    improvementSeconds
    ageGrade { percent }
    activity { id name startedAtLocal }
  }
`);

export const BestsQuery = graphql(`
  query Bests($athlete: ID!) {
    athlete(id: $athlete) {
      id
      personalBests {
        id
        ...BestRow_best
        ...PaceCurve_best
        ...AgeGradeChart_best
      }
    }
  }
`, [BestRow_best, PaceCurve_best, AgeGradeChart_best]);

type Best = NonNullable<ResultOf<typeof BestsQuery>['athlete']>['personalBests'][number];

export function BestsPage() {
  const { athlete } = useViewer();
  const [{ data, error }, ask] = useShown({ query: BestsQuery, variables: { athlete: athlete.id } });
  const bests = data?.athlete?.personalBests;
  return (
    <>
      <div className="page-head">
        <Title name="Personal bests">Personal bests</Title>
        <p className="count">Found within your runs</p>
      </div>
      {bests ? <Bests bests={bests} /> : error
        ? <Failure error={error} retry={() => ask({ requestPolicy: 'network-only' })} />
        : <div className="card padded"><Skeleton lines={9} height={32} /></div>}
    </>
  );
}

function Bests({ bests }: { bests: readonly Best[] }) {
  if (bests.length === 0) {
    return (
      <div className="card">
        <Empty icon="bests" title="No bests yet">
          <p>They appear as soon as a run with a recording of 400 meters or more is here.</p>
        </Empty>
      </div>
    );
  }
  return (
    <div className="stack">
      <BestTable bests={bests} />
      <Predictions />
      <div className="pair">
        <PaceCurve bests={bests} />
        <AgeGradeChart bests={bests} />
      </div>
    </div>
  );
}

function BestTable({ bests }: { bests: readonly Best[] }) {
  return (
    <div className="card padded scrolls">
      <table className="bests">
        <thead>
          <tr>
            <th scope="col">Distance</th><th scope="col">Time</th><th scope="col">Pace</th><th scope="col">Faster by</th>
            <th scope="col">Age grade</th><th scope="col">Run</th>
          </tr>
        </thead>
        <tbody>{bests.map((best) => <BestRow key={best.id} best={best} />)}</tbody>
      </table>
    </div>
  );
}

function BestRow({ best }: { best: FragmentOf<typeof BestRow_best> }) {
  const { distance, distanceMeters, elapsedTimeSeconds, improvementSeconds, ageGrade, activity } = readFragment(BestRow_best, best);
  const units = useUnits();
  return (
    <tr>
      <th scope="row"><Link href={`/bests/${distance}`}>{distanceName(distance)}</Link></th>
      <td className="strong">{recordTime(elapsedTimeSeconds)}</td>
      <td>{units.pace((1000 * elapsedTimeSeconds) / distanceMeters).value}</td>
      <td>{improvementSeconds === null ? '–' : gain(improvementSeconds)}</td>
      <td>{ageGrade ? percent(ageGrade.percent) : '–'}</td>
      <td><Link href={runPath(activity.id)}>{shortDay(activity.startedAtLocal)}</Link></td>
    </tr>
  );
}
