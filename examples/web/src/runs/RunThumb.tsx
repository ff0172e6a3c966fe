// A run at a glance: its route, or the pace of its kilometers where no positions were recorded.
import { graphql, nodesOf, readFragment, type FragmentOf } from '../graphql.ts';
import { decode, drawn, fit } from '../run/polyline.ts';

export const RunThumb_activity = graphql(`
  fragment RunThumb_activity on Activity {
    route { polylines }
    splits(first: 25) { nodes { paceSecondsPerKilometer distanceMeters } }
  }
`);

const SIZE = 64;
const INSET = 10;

export function RunThumb({ activity }: { activity: FragmentOf<typeof RunThumb_activity> }) {
  const { route, splits } = readFragment(RunThumb_activity, activity);
  const parts = (route?.polylines ?? []).map(decode).filter((part) => part.length > 1);
  if (parts.length > 0) {
    const projection = fit(parts.flat(), SIZE, SIZE, INSET);
    return (
      <svg className="thumb" viewBox={`0 0 ${SIZE} ${SIZE}`} aria-hidden="true">
        {parts.map((part, index) => <path key={index} className="thumb-route" d={drawn(part, projection)} />)}
      </svg>
    );
  }
  return (
    <svg className="thumb" viewBox={`0 0 ${SIZE} ${SIZE}`} aria-hidden="true">
      {barsOf(nodesOf(splits)).map((bar, index) => <rect key={index} className="thumb-bar" {...bar} />)}
    </svg>
  );
}

type Part = { paceSecondsPerKilometer: number | null; distanceMeters: number };

/** A bar for each part, as wide as it is long and the higher the faster it was. */
function barsOf(parts: readonly Part[]) {
  const speeds = parts.map(({ paceSecondsPerKilometer: pace }) => (pace ? 1 / pace : 0));
  const fastest = Math.max(...speeds, 0);
  const slowest = Math.min(...speeds.filter(Boolean), fastest);
  const total = parts.reduce((sum, part) => sum + part.distanceMeters, 0);
  const room = SIZE - 2 * INSET;
  const gap = parts.length > 14 ? 0.5 : 1.5;
  let x = INSET;
  return parts.map((part, index) => {
    const width = (room * part.distanceMeters) / total;
    const share = fastest === slowest ? 1 : (speeds[index]! - slowest) / (fastest - slowest);
    const height = speeds[index] ? room * (0.3 + 0.7 * share) : 0;
    const bar = { x, y: SIZE - INSET - height, width: Math.max(0.5, width - gap), height, rx: 1 };
    x += width;
    return bar;
  });
}
