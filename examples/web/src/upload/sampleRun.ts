// An invented run of 8 km with positions, heights, heart rates and cadence, for those without a file at hand.
// Four days after the demo's last run, so that charts show them together.
const START = '2021-07-08T07:30:00Z';
const [LATITUDE, LONGITUDE] = [52.5145, 13.3501]; // Tiergarten, Berlin
const METERS_PER_DEGREE = 111_320;
const [LENGTH_M, STEP_S] = [8000, 4];

/** A closed line around the middle: `turn` is from 0 to 1. */
function place(turn: number): [east: number, north: number] {
  const angle = 2 * Math.PI * turn;
  const radius = 1 + 0.16 * Math.sin(3 * angle) + 0.1 * Math.cos(5 * angle) + 0.05 * Math.sin(9 * angle + 1);
  return [1350 * radius * Math.cos(angle), 820 * radius * Math.sin(angle)];
}

/** Meters a second after `share` of the way: it ends fast, and rolls with the hills. */
const speed = (share: number): number =>
  2.95 + 0.35 * share + 0.16 * Math.sin(14 * share) + (share > 0.9 ? 0.5 : 0) - 0.25 * Math.exp(-((share - 0.45) ** 2) / 0.004);

const height = (share: number): number => 36 + 9 * Math.sin(7 * share) + 5 * Math.sin(19 * share + 2) + 12 * share * (1 - share);

function points(): string[] {
  const steps = 4000;
  const way: number[] = [0];
  for (let index = 1; index <= steps; index += 1) {
    const [[x0, y0], [x1, y1]] = [place((index - 1) / steps), place(index / steps)];
    way.push(way[index - 1]! + Math.hypot(x1 - x0, y1 - y0));
  }
  const around = way[steps]!;
  const written: string[] = [];
  let [meters, heart, at] = [0, 118, 0];
  for (let second = 0; meters < LENGTH_M; second += STEP_S) {
    const share = meters / LENGTH_M;
    while (way[at % steps]! + Math.floor(at / steps) * around < meters) at += 1;
    const [east, north] = place((at % steps) / steps);
    heart += (104 + 18 * speed(share) + 9 * share - heart) * 0.03;
    const time = new Date(Date.parse(START) + second * 1000).toISOString();
    const cadence = Math.round(80 + 3.2 * speed(share));
    const latitude = LATITUDE + north / METERS_PER_DEGREE;
    const longitude = LONGITUDE + east / (METERS_PER_DEGREE * Math.cos((LATITUDE * Math.PI) / 180));
    written.push(
      `<trkpt lat="${latitude.toFixed(6)}" lon="${longitude.toFixed(6)}"><ele>${height(share).toFixed(1)}</ele><time>${time}</time>`
      + `<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>${Math.round(heart)}</gpxtpx:hr><gpxtpx:cad>${cadence}</gpxtpx:cad>`
      + '</gpxtpx:TrackPointExtension></extensions></trkpt>',
    );
    meters += speed(share) * STEP_S;
  }
  return written;
}

export function sampleRun(): File {
  const text = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<gpx version="1.1" creator="pacegraph" xmlns="http://www.topografix.com/GPX/1/1"',
    ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">',
    '<trk><name>Sample run in the Tiergarten</name><type>running</type><trkseg>',
    ...points(),
    '</trkseg></trk></gpx>',
  ].join('\n');
  return new File([text], 'sample-run.gpx', { type: 'application/gpx+xml' });
}
