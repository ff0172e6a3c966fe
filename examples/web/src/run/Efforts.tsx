import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { percent, recordTime, useUnits } from '../units.ts';

export const Efforts_activity = graphql(`
  fragment Efforts_activity on Activity {
    id
    bestEfforts {
      id
      distance
      distanceMeters
      elapsedTimeSeconds
      rank
      isPersonalBest
      excluded
      ageGrade { percent }
    }
  }
`);

export function Efforts({ activity }: { activity: FragmentOf<typeof Efforts_activity> }) {
  const { bestEfforts: efforts } = readFragment(Efforts_activity, activity);
  const units = useUnits();
  if (efforts.length === 0) return null;
  const isGraded = efforts.some((effort) => effort.ageGrade !== null);
  return (
    <section className="card efforts" aria-labelledby="efforts">
      <div className="card-head"><h2 id="efforts">Best efforts within this run</h2></div>
      <table>
        <thead>
          <tr>
            <th scope="col">Distance</th><th scope="col">Time</th><th scope="col">Pace</th><th scope="col">Rank</th>
            {isGraded && <th scope="col">Age grade</th>}
          </tr>
        </thead>
        <tbody>
          {efforts.map((effort) => (
            <tr key={effort.id} className={effort.excluded ? 'excluded' : undefined}>
              <th scope="row"><Link href={`/bests/${effort.distance}`}>{distanceName(effort.distance)}</Link></th>
              <td>{recordTime(effort.elapsedTimeSeconds)}</td>
              <td>{units.pace((1000 * effort.elapsedTimeSeconds) / effort.distanceMeters).value}</td>
              <td>{effort.isPersonalBest ? <span className="badge best">Best</span> : effort.excluded ? 'Excluded' : `${effort.rank}.`}</td>
              {isGraded && <td>{effort.ageGrade ? percent(effort.ageGrade.percent) : '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
