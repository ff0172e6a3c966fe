import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { percent, recordTime, useUnits, whole } from '../units.ts';
import type { Mark } from './RunCharts.tsx';

export const Efforts_activity = graphql(`
  fragment Efforts_activity on Activity {
    id
    bestEfforts {
      id
      distance
      distanceMeters
      elapsedTimeSeconds
      startOffsetSeconds
      startDistanceMeters
      averageHeartRate
      rank
      isPersonalBest
      excluded
      ageGrade { percent }
    }
  }
`);

type Props = { activity: FragmentOf<typeof Efforts_activity>; mark: Mark | null; onMark: (mark: Mark | null) => void };

/** A press on a time marks the effort in the charts, where its place is known. */
export function Efforts({ activity, mark, onMark }: Props) {
  const { bestEfforts: efforts } = readFragment(Efforts_activity, activity);
  const units = useUnits();
  if (efforts.length === 0) return null;
  const isGraded = efforts.some((effort) => effort.ageGrade !== null);
  const hasHeartRate = efforts.some((effort) => effort.averageHeartRate !== null);
  const timeOf = (effort: (typeof efforts)[number]) => {
    const time = recordTime(effort.elapsedTimeSeconds);
    if (effort.startDistanceMeters === null) return time;
    const [from, until] = [effort.startOffsetSeconds, effort.startOffsetSeconds + effort.elapsedTimeSeconds];
    const isMarked = mark?.from === from && mark.until === until;
    return (
      <button
        type="button" className="mark-effort" aria-pressed={isMarked} aria-label={`${time}, show ${distanceName(effort.distance)} in the charts`}
        onClick={() => onMark(isMarked ? null : { from, until })}
      >
        {time}
      </button>
    );
  };
  return (
    <section className="card efforts" aria-labelledby="efforts">
      <div className="card-head"><h2 id="efforts">Best efforts within this run</h2></div>
      <table>
        <thead>
          <tr>
            <th scope="col">Distance</th><th scope="col">Time</th><th scope="col">Pace</th>
            {hasHeartRate && <th scope="col">bpm</th>}
            <th scope="col">Rank</th>
            {isGraded && <th scope="col">Age grade</th>}
          </tr>
        </thead>
        <tbody>
          {efforts.map((effort) => (
            <tr key={effort.id} className={effort.excluded ? 'excluded' : undefined}>
              <th scope="row"><Link href={`/bests/${effort.distance}`}>{distanceName(effort.distance)}</Link></th>
              <td>{timeOf(effort)}</td>
              <td>{units.pace((1000 * effort.elapsedTimeSeconds) / effort.distanceMeters).value}</td>
              {hasHeartRate && <td>{effort.averageHeartRate === null ? '–' : whole(effort.averageHeartRate)}</td>}
              <td>{effort.isPersonalBest ? <span className="badge best">Best</span> : effort.excluded ? 'Excluded' : `${effort.rank}.`}</td>
              {isGraded && <td>{effort.ageGrade ? percent(effort.ageGrade.percent) : '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
