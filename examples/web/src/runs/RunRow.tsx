import { Link } from 'wouter';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { clock, duration, shortDay, useUnits, whole } from '../units.ts';
import { Value } from '../ui/Figures.tsx';
import { RunThumb, RunThumb_activity } from './RunThumb.tsx';

export const RunRow_activity = graphql(`
  fragment RunRow_activity on Activity {
    id
    name
    sportType
    startedAtLocal
    startedAtIsHidden
    distanceMeters
    movingTimeSeconds
    averagePaceSecondsPerKilometer
    averageHeartRate
    isRace
    bestEfforts { id distance rank isPersonalBest }
    ...RunThumb_activity
  }
`, [RunThumb_activity]);

const SHOWN_BADGES = 3;

export function RunRow({ activity }: { activity: FragmentOf<typeof RunRow_activity> }) {
  const run = readFragment(RunRow_activity, activity);
  const units = useUnits();
  const bests = run.bestEfforts.filter((effort) => effort.isPersonalBest).reverse();
  const when = run.startedAtIsHidden ? shortDay(run.startedAtLocal) : `${shortDay(run.startedAtLocal)}, ${clock(run.startedAtLocal)}`;
  return (
    <li className="run-row">
      <RunThumb activity={run} />
      <div className="run-what">
        <Link href={runPath(run.id)} className="run-link">{run.name}</Link>
        <div className="run-when">
          {when}
          {run.sportType !== 'Run' && ` · ${run.sportType}`}
          {run.isRace && <span className="badge race">Race</span>}
          {bests.slice(0, SHOWN_BADGES).map((effort) => (
            <span key={effort.id} className="badge best">{distanceName(effort.distance)} best</span>
          ))}
          {bests.length > SHOWN_BADGES && <span className="badge best">+{bests.length - SHOWN_BADGES}</span>}
        </div>
      </div>
      <div className="run-figures">
        <span className="run-distance"><Value {...units.distance(run.distanceMeters)} /></span>
        <span><Value value={duration(run.movingTimeSeconds)} unit="" /></span>
        <span><Value {...units.pace(run.averagePaceSecondsPerKilometer)} /></span>
        <span className="run-heart">
          {run.averageHeartRate === null ? '' : <Value value={whole(run.averageHeartRate)} unit="bpm" />}
        </span>
      </div>
    </li>
  );
}

