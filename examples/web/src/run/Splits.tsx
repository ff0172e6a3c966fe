import { graphql, nodesOf, readFragment, type FragmentOf } from '../graphql.ts';
import { percent, useUnits, whole } from '../units.ts';

export const Splits_activity = graphql(`
  fragment Splits_activity on Activity {
    id
    pacing { changePercent isNegativeSplit }
    splits(unit: $unit, first: 100) {
      nodes {
        number
        distanceMeters
        movingTimeSeconds
        isPartial
        paceSecondsPerKilometer
        gradeAdjustedPaceSecondsPerKilometer
        elevationChangeMeters
        averageHeartRate
      }
    }
  }
`);

export function Splits({ activity }: { activity: FragmentOf<typeof Splits_activity> }) {
  const { pacing, splits: page } = readFragment(Splits_activity, activity);
  const splits = nodesOf(page);
  const units = useUnits();
  if (splits.length === 0) return null;
  const paces = splits.map((split) => split.paceSecondsPerKilometer).filter((pace): pace is number => pace !== null);
  const [fastest, slowest] = [Math.min(...paces), Math.max(...paces)];
  const hasHeart = splits.some((split) => split.averageHeartRate !== null);
  const hasClimb = splits.some((split) => split.elevationChangeMeters !== null);
  // The bar shows speed: half of the width for the slowest, all of it for the fastest.
  const share = (pace: number) => (slowest === fastest ? 100 : 50 + (50 * (1 / pace - 1 / slowest)) / (1 / fastest - 1 / slowest));
  return (
    <section className="card splits" aria-labelledby="splits">
      <div className="card-head">
        <h2 id="splits">Splits</h2>
        {pacing && <span className="quiet-text">second half {percent(Math.abs(pacing.changePercent))} {pacing.isNegativeSplit ? 'faster: a negative split' : 'slower'}</span>}
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">{units.unit}</th>
            <th scope="col">Pace</th>
            <th scope="col" className="bar-cell"><span className="visually-hidden">Compared</span></th>
            {hasClimb && <th scope="col"><abbr title="Pace on the level that would cost as much">GAP</abbr></th>}
            {hasClimb && <th scope="col">Climb</th>}
            {hasHeart && <th scope="col">Heart</th>}
          </tr>
        </thead>
        <tbody>
          {splits.map((split) => (
            <tr key={split.number} className={split.paceSecondsPerKilometer === fastest ? 'fastest' : undefined}>
              <th scope="row">{split.isPartial ? units.distance(split.distanceMeters).value : split.number}</th>
              <td>{units.pace(split.paceSecondsPerKilometer).value}</td>
              <td className="bar-cell">
                {split.paceSecondsPerKilometer !== null && (
                  <span className="split-bar" style={{ width: `${share(split.paceSecondsPerKilometer).toFixed(1)}%` }} />
                )}
              </td>
              {hasClimb && <td>{units.pace(split.gradeAdjustedPaceSecondsPerKilometer).value}</td>}
              {hasClimb && <td>{signed(split.elevationChangeMeters, (meters) => units.elevation(meters).value)}</td>}
              {hasHeart && <td>{split.averageHeartRate === null ? '–' : whole(split.averageHeartRate)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const signed = (value: number | null, format: (size: number) => string): string =>
  value === null ? '–' : `${value > 0 ? '+' : value < 0 ? '−' : ''}${format(Math.abs(value))}`;
