// The other times that this way was run, beside this one. Asked for apart: the run itself waits for nothing.
import { Link } from 'wouter';
import { graphql } from '../graphql.ts';
import { runPath } from '../pages.ts';
import { useShown } from '../shown.ts';
import { duration, shortDay, useUnits, whole } from '../units.ts';

export const SameRouteQuery = graphql(`
  query SameRoute($id: ID!) {
    activity(id: $id) {
      id
      startedAtLocal
      movingTimeSeconds
      averagePaceSecondsPerKilometer
      averageHeartRate
      runsOnSameRoute { id startedAtLocal movingTimeSeconds averagePaceSecondsPerKilometer averageHeartRate }
    }
  }
`);

const SHOWN = 10;

export function SameRoute({ id }: { id: string }) {
  const units = useUnits();
  const [{ data }] = useShown({ query: SameRouteQuery, variables: { id } });
  const run = data?.activity;
  if (!run || run.runsOnSameRoute.length === 0) return null;
  const others = run.runsOnSameRoute;
  const rows = [run, ...others.slice(0, SHOWN)].sort((one, other) => (one.startedAtLocal < other.startedAtLocal ? 1 : -1));
  const hasHeart = rows.some((each) => each.averageHeartRate !== null);
  const fastest = Math.min(...rows.map((each) => each.averagePaceSecondsPerKilometer ?? Infinity));
  return (
    <section className="card same-route" aria-labelledby="same-route">
      <div className="card-head">
        <h2 id="same-route">On the same route</h2>
        <span className="quiet-text">{others.length} other {others.length === 1 ? 'time' : 'times'}{others.length > SHOWN && `, the last ${SHOWN}`}</span>
      </div>
      <table>
        <thead>
          <tr><th scope="col">Day</th><th scope="col">Time</th><th scope="col">Pace</th>{hasHeart && <th scope="col">Heart</th>}</tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={each.id} className={each.averagePaceSecondsPerKilometer === fastest ? 'fastest' : undefined}>
              <th scope="row">{each.id === id ? <strong>This run</strong> : <Link href={runPath(each.id)}>{shortDay(each.startedAtLocal)}</Link>}</th>
              <td>{duration(each.movingTimeSeconds)}</td>
              <td>{units.pace(each.averagePaceSecondsPerKilometer).value}</td>
              {hasHeart && <td>{each.averageHeartRate === null ? '–' : whole(each.averageHeartRate)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
