import { graphql, nodesOf, readFragment, type FragmentOf } from '../graphql.ts';
import { duration, useUnits, whole } from '../units.ts';

export const Laps_activity = graphql(`
  fragment Laps_activity on Activity {
    id
    laps(first: 100) {
      nodes { number distanceMeters elapsedTimeSeconds movingTimeSeconds paceSecondsPerKilometer averageHeartRate }
    }
  }
`);

export function Laps({ activity }: { activity: FragmentOf<typeof Laps_activity> }) {
  const laps = nodesOf(readFragment(Laps_activity, activity).laps);
  const units = useUnits();
  if (laps.length < 2) return null;
  const hasHeart = laps.some((lap) => lap.averageHeartRate !== null);
  return (
    <section className="card laps" aria-labelledby="laps">
      <div className="card-head"><h2 id="laps">Laps</h2></div>
      <table>
        <thead>
          <tr>
            <th scope="col">Lap</th><th scope="col">Distance</th><th scope="col">Time</th><th scope="col">Pace</th>
            {hasHeart && <th scope="col">Heart</th>}
          </tr>
        </thead>
        <tbody>
          {laps.map((lap) => (
            <tr key={lap.number}>
              <th scope="row">{lap.number}</th>
              <td>{lap.distanceMeters === null ? '–' : units.distance(lap.distanceMeters).value}</td>
              <td>{duration(lap.movingTimeSeconds ?? lap.elapsedTimeSeconds)}</td>
              <td>{units.pace(lap.paceSecondsPerKilometer).value}</td>
              {hasHeart && <td>{lap.averageHeartRate === null ? '–' : whole(lap.averageHeartRate)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
