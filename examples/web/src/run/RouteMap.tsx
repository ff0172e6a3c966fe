// The route on squared paper: no tiles, so no other server learns where somebody runs.
import { useMemo } from 'react';
import { graphql, readFragment, type FragmentOf } from '../graphql.ts';
import { nearest } from '../charts/scale.ts';
import { useUnits } from '../units.ts';
import { decode, drawn, fit, type Place } from './polyline.ts';

export const RouteMap_activity = graphql(`
  fragment RouteMap_activity on Activity {
    id
    route { polylines }
    positions: streams(maxPoints: 500) { distanceMeters latitude longitude }
  }
`);

const [WIDTH, HEIGHT, MARGIN] = [600, 420, 44];
const SCALES = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

/** Where the runner was at each distance, as far as positions are known to the viewer. */
type Track = { distances: number[]; places: Place[] };

function trackOf(positions: { distanceMeters: number[]; latitude: (number | null)[] | null; longitude: (number | null)[] | null } | null): Track {
  const track: Track = { distances: [], places: [] };
  positions?.distanceMeters.forEach((distance, index) => {
    const [latitude, longitude] = [positions.latitude?.[index], positions.longitude?.[index]];
    if (latitude == null || longitude == null) return;
    track.distances.push(distance);
    track.places.push([latitude, longitude]);
  });
  return track;
}

export function RouteMap({ activity, place }: { activity: FragmentOf<typeof RouteMap_activity>; place: number | null }) {
  const { route, positions } = readFragment(RouteMap_activity, activity);
  const units = useUnits();
  const parts = useMemo(() => (route?.polylines ?? []).map(decode).filter((part) => part.length > 1), [route]);
  const track = useMemo(() => trackOf(positions), [positions]);
  if (parts.length === 0) return null;
  const map = fit(parts.flat(), WIDTH, HEIGHT, MARGIN);
  const length = SCALES.find((meters) => meters / map.metersPerUnit > 70) ?? 100_000;
  const square = length / map.metersPerUnit;
  const at = (meters: number): [number, number] | null =>
    track.places.length ? map.project(track.places[nearest(track.distances, meters)]!) : null;
  const end = track.distances[track.distances.length - 1] ?? 0;
  const marks = Array.from({ length: Math.floor(end / units.unitMeters) }, (_, index) => index + 1);
  const every = Math.ceil(marks.length / 12);
  const here = place === null ? null : at(place);
  const [first, last] = [parts[0]![0]!, parts[parts.length - 1]![parts[parts.length - 1]!.length - 1]!];
  return (
    <section className="card map" aria-label="Route">
      <div className="card-head"><h2>Route</h2></div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label="Drawing of the route, north is up">
        <defs>
          <pattern id="squares" width={square} height={square} patternUnits="userSpaceOnUse" x={WIDTH / 2} y={HEIGHT / 2}>
            <path className="square" d={`M${square} 0H0V${square}`} />
          </pattern>
        </defs>
        <rect width={WIDTH} height={HEIGHT} fill="url(#squares)" />
        {parts.map((part, index) => <path key={index} className="route-casing" d={drawn(part, map)} />)}
        {parts.map((part, index) => <path key={index} className="route-line" d={drawn(part, map)} />)}
        {marks.filter((mark) => mark % every === 0).map((mark) => {
          const spot = at(mark * units.unitMeters);
          return spot && (
            <g key={mark} className="mark" transform={`translate(${spot[0].toFixed(1)} ${spot[1].toFixed(1)})`}>
              <circle r="9" />
              <text dy="3.500">{mark}</text>
            </g>
          );
        })}
        <End place={map.project(last)} kind="finish" />
        <End place={map.project(first)} kind="start" />
        {here && <circle className="here" cx={here[0]} cy={here[1]} r="7" />}
        <g className="scale" transform={`translate(${WIDTH - square - 16} ${HEIGHT - 16})`}>
          <path d={`M0 -5V0H${square}V-5`} />
          <text x={square / 2} y="-8">{length < 1000 ? `${length} m` : `${length / 1000} km`}</text>
        </g>
        <g className="north" transform="translate(24 34)"><path d="M0 -14L6 6L0 2L-6 6Z" /><text y="20">N</text></g>
      </svg>
    </section>
  );
}

const End = ({ place: [x, y], kind }: { place: [number, number]; kind: 'start' | 'finish' }) => (
  <circle className={`end ${kind}`} cx={x} cy={y} r="6.500" />
);
