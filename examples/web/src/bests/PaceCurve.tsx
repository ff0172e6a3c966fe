// The best pace over each distance. Distances are spread by their logarithm.
import { domainOf, timeTicks } from '../charts/scale.ts';
import { XYChart } from '../charts/XYChart.tsx';
import { distanceName } from '../distances.ts';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { duration, useUnits } from '../units.ts';

export const PaceCurve_best = graphql(`
  fragment PaceCurve_best on PersonalBest { id distance distanceMeters elapsedTimeSeconds }
`);

const SHOWN = new Set(['M400', 'KM1', 'MILE1', 'KM3', 'KM5', 'KM10', 'HALF_MARATHON', 'MARATHON']);
const SHORT: Record<string, string> = { HALF_MARATHON: 'Half', MARATHON: 'Mar.', MILE1: '1 mi' };

export function PaceCurve({ bests }: { bests: readonly FragmentOf<typeof PaceCurve_best>[] }) {
  const units = useUnits();
  const known = readFragment(PaceCurve_best, bests);
  const points = known.map(({ distance, distanceMeters, elapsedTimeSeconds }) => ({
    distance,
    x: Math.log(distanceMeters),
    y: (elapsedTimeSeconds / distanceMeters) * units.unitMeters,
  }));
  const xs = points.map(({ x }) => x);
  const yDomain = domainOf(points.map(({ y }) => y), { space: 0.12, least: 60 });
  const spread = Math.max(...xs) - Math.min(...xs) || 1;
  return (
    <section className="card padded tone-pace" aria-labelledby="pace-curve">
      <div className="card-head"><h2 id="pace-curve">Pace curve</h2><span className="quiet-text">best pace, min/{units.unit}</span></div>
      <XYChart
        name={`Best pace over each distance: ${points.map((each) => `${distanceName(each.distance)} ${duration(each.y)}`).join(', ')}`}
        xDomain={[Math.min(...xs) - spread * 0.05, Math.max(...xs) + spread * 0.05]}
        yDomain={yDomain}
        isUpsideDown
        line={points}
        dots={points.map((each) => ({ ...each, isStrong: true, label: `${distanceName(each.distance)}: ${duration(each.y)} /${units.unit}` }))}
        xTicks={points.filter(({ distance }) => SHOWN.has(distance)).map(({ distance, x }) => ({ at: x, label: SHORT[distance] ?? distanceName(distance) }))}
        yTicks={timeTicks(yDomain, 5).map((at) => ({ at, label: duration(at) }))}
      />
    </section>
  );
}
