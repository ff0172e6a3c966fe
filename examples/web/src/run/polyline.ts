// Routes as the API encodes them, and how they are drawn without a map.
export type Place = readonly [latitude: number, longitude: number];

/** Decode an encoded polyline of 5 digits. */
export function decode(text: string): Place[] {
  const places: Place[] = [];
  let [at, latitude, longitude] = [0, 0, 0];
  const next = (): number => {
    let [bits, shift, byte] = [0, 0, 0x20];
    while (byte >= 0x20) {
      byte = text.charCodeAt(at) - 63;
      at += 1;
      bits |= (byte & 0x1f) << shift;
      shift += 5;
    }
    return bits & 1 ? ~(bits >> 1) : bits >> 1;
  };
  while (at < text.length) {
    latitude += next();
    longitude += next();
    places.push([latitude / 1e5, longitude / 1e5]);
  }
  return places;
}

const METERS_PER_DEGREE = 111_320;

export type Projection = {
  width: number;
  height: number;
  /** Meters that one unit of the drawing stands for. */
  metersPerUnit: number;
  project: (place: Place) => [x: number, y: number];
};

/** Fit places into a box, north up, with `margin` units around them. */
export function fit(places: readonly Place[], width: number, height: number, margin: number): Projection {
  const latitudes = places.map(([latitude]) => latitude);
  const longitudes = places.map(([, longitude]) => longitude);
  const [south, north] = [least(latitudes), most(latitudes)];
  const [west, east] = [least(longitudes), most(longitudes)];
  const narrowing = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const wide = Math.max((east - west) * METERS_PER_DEGREE * narrowing, 1);
  const tall = Math.max((north - south) * METERS_PER_DEGREE, 1);
  const metersPerUnit = Math.max(wide / (width - 2 * margin), tall / (height - 2 * margin), 0.1);
  return {
    width,
    height,
    metersPerUnit,
    project: ([latitude, longitude]) => [
      width / 2 + ((longitude - (west + east) / 2) * METERS_PER_DEGREE * narrowing) / metersPerUnit,
      height / 2 - ((latitude - (south + north) / 2) * METERS_PER_DEGREE) / metersPerUnit,
    ],
  };
}

// Math.min(...values) fails for very many values.
const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values: number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);

/** SVG path of places. */
export const drawn = (places: readonly Place[], { project }: Projection): string =>
  places.map((place, index) => `${index ? 'L' : 'M'}${project(place).map((each) => each.toFixed(1)).join(' ')}`).join('');
