// Pace over a window of time around each point: between two points it is exact (docs/streams.md).
const WINDOW_S = 20;
const STANDING = 0.5; // meters a second

/** Seconds per kilometer at each point; null where the runner stood or nothing was recorded. */
export function paceSeries(time: readonly number[], distance: readonly number[], gapsAfter: ReadonlySet<number>): (number | null)[] {
  let from = 0;
  let until = 0;
  return time.map((now, index) => {
    while (time[from]! < now - WINDOW_S && from < index) from += 1;
    until = Math.max(until, index);
    while (until < time.length - 1 && time[until + 1]! <= now + WINDOW_S) until += 1;
    let [a, b] = [from, until];
    for (let each = index - 1; each >= a; each -= 1) if (gapsAfter.has(each)) a = each + 1;
    for (let each = index; each < b; each += 1) if (gapsAfter.has(each)) b = each;
    // Points may lie further apart than the window: then the way to a neighbor counts.
    if (a === b && index > 0 && !gapsAfter.has(index - 1)) a = index - 1;
    if (a === b && index < time.length - 1 && !gapsAfter.has(index)) b = index + 1;
    const meters = distance[b]! - distance[a]!;
    const seconds = time[b]! - time[a]!;
    return seconds > 0 && meters / seconds > STANDING ? (1000 * seconds) / meters : null;
  });
}
