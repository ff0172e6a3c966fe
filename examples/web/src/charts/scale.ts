// Scales and paths of charts. A path is drawn in a box of 1000 by 1000 that CSS stretches.
export const BOX = 1000;

export type Domain = readonly [low: number, high: number];

/** Round numbers within a domain, about `count` of them. `steps` are the allowed steps, per power of ten. */
export function ticks([low, high]: Domain, count: number, steps = [1, 2, 2.5, 5, 10]): number[] {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (steps.find((each) => each * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
}

/** Ticks for seconds: of 5, 10, 15, 30 seconds and their like in minutes. */
export function timeTicks([low, high]: Domain, count: number): number[] {
  const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 36000];
  const step = steps.find((each) => (high - low) / each <= count) ?? 86_400;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, index) => (first + index) * step);
}

/** From a value to the box. With `isUpsideDown`, low values are at the top, as for pace. */
export function vertical([low, high]: Domain, isUpsideDown = false): (value: number) => number {
  const span = high - low || 1;
  return (value) => {
    const share = Math.min(1, Math.max(0, (value - low) / span));
    return BOX * (isUpsideDown ? share : 1 - share);
  };
}

export function horizontal([low, high]: Domain): (value: number) => number {
  const span = high - low || 1;
  return (value) => (BOX * (value - low)) / span;
}

/** The domain of the values without the strangest `cut` at either side, and some space. */
export function domainOf(values: readonly (number | null)[], { cut = 0, space = 0.08, least = 1 } = {}): Domain {
  const sorted = values.filter((each): each is number => each !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return [0, least];
  const low = sorted[Math.floor(cut * (sorted.length - 1))]!;
  const high = sorted[Math.ceil((1 - cut) * (sorted.length - 1))]!;
  const missing = Math.max(0, least - (high - low)) / 2;
  const pad = (high - low) * space;
  return [low - pad - missing, high + pad + missing];
}

/** An SVG path through points; a null value or a gap after a point breaks the line. */
export function linePath(xs: readonly number[], ys: readonly (number | null)[], gapsAfter: ReadonlySet<number> = new Set()): string {
  let path = '';
  let isOpen = false;
  xs.forEach((x, index) => {
    const y = ys[index];
    if (y === null || y === undefined) {
      isOpen = false;
      return;
    }
    path += `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isOpen = !gapsAfter.has(index);
  });
  return path;
}

/** Close each part of a line down to the bottom of the box. */
export function areaPath(line: string): string {
  return line
    .split('M')
    .filter(Boolean)
    .map((part) => {
      const points = part.split('L');
      const first = points[0]!.split(' ')[0];
      const last = points[points.length - 1]!.split(' ')[0];
      return `M${first} ${BOX}L${part}L${last} ${BOX}Z`;
    })
    .join('');
}

/** The place of the value nearest to `wanted` in a rising list. */
export function nearest(rising: readonly number[], wanted: number): number {
  let [low, high] = [0, rising.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle]! <= wanted) low = middle;
    else high = middle;
  }
  return wanted - rising[low]! <= rising[high]! - wanted ? low : high;
}
