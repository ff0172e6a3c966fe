// Lines, steps, bars and dots over two axes. Dots and labels are HTML, so that stretching does not bend them.
import type { ReactNode } from 'react';
import { BOX, horizontal, linePath, vertical, type Domain } from './scale.ts';

export type Tick = { at: number; label: string };
export type Point = { x: number; y: number };
export type Dot = { x: number; y: number; label: string; isStrong?: boolean };

type Props = {
  /** What the chart shows, for those who do not see it. */
  name: string;
  xDomain: Domain;
  yDomain: Domain;
  xTicks: readonly Tick[];
  yTicks: readonly Tick[];
  /** Low values at the top, as for times and paces. */
  isUpsideDown?: boolean;
  line?: readonly Point[];
  /** Lines of several tones; the last one lies on top. */
  lines?: readonly { points: readonly Point[]; tone: string }[];
  /** The line keeps its height until the next point. */
  isStep?: boolean;
  dots?: readonly Dot[];
  bars?: readonly { x: number; width: number; y: number; label: string }[];
  children?: ReactNode;
};

export function XYChart({ name, xDomain, yDomain, xTicks, yTicks, isUpsideDown, line, lines = [], isStep, dots = [], bars = [], children }: Props) {
  const x = horizontal(xDomain);
  const y = vertical(yDomain, isUpsideDown);
  const path = (points: readonly Point[]) => linePath(points.map((each) => x(each.x)), points.map((each) => y(each.y)));
  const percent = (value: number) => `${(value / (BOX / 100)).toFixed(2)}%`;
  return (
    <figure className="xy" role="img" aria-label={name}>
      <div className="xy-plot">
        <svg viewBox={`0 0 ${BOX} ${BOX}`} preserveAspectRatio="none" aria-hidden="true">
          {yTicks.map((tick) => <line key={tick.at} className="grid" x1="0" x2={BOX} y1={y(tick.at)} y2={y(tick.at)} />)}
          {line && <path className="curve" d={isStep ? steps(line, x, y) : path(line)} />}
        </svg>
        {bars.map((bar) => (
          <span
            key={bar.x} className="xy-bar" title={bar.label}
            style={{ left: percent(x(bar.x)), width: percent(x(bar.x + bar.width) - x(bar.x)), top: percent(y(bar.y)) }}
          />
        ))}
        {lines.length > 0 && (
          <svg viewBox={`0 0 ${BOX} ${BOX}`} preserveAspectRatio="none" aria-hidden="true">
            {lines.map(({ points, tone }) => <g key={tone} className={tone}><path className="curve" d={path(points)} /></g>)}
          </svg>
        )}
        {dots.map((dot, index) => (
          <span
            key={index} className={dot.isStrong ? 'xy-dot strong' : 'xy-dot'} title={dot.label}
            style={{ left: percent(x(dot.x)), top: percent(y(dot.y)) }}
          />
        ))}
        {yTicks.map((tick) => <span key={tick.at} className="level" style={{ top: percent(y(tick.at)) }}>{tick.label}</span>)}
        {children}
      </div>
      <div className="xy-axis">
        {xTicks.map((tick) => <span key={`${tick.at}`} style={{ left: percent(x(tick.at)) }}>{tick.label}</span>)}
      </div>
    </figure>
  );
}

function steps(points: readonly Point[], x: (value: number) => number, y: (value: number) => number): string {
  return points.map((point, index) => (index ? `H${x(point.x).toFixed(1)}V${y(point.y).toFixed(1)}` : `M${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)).join('');
}

const DAY_MS = 86_400_000;

/** Ticks at the first of months or years, at most `count`. Values are milliseconds. */
export function dateTicks([low, high]: Domain, count: number): Tick[] {
  const first = new Date(low);
  const months = (high - low) / (30.4 * DAY_MS);
  const every = [1, 2, 3, 6, 12, 24, 60, 120].find((each) => months / each <= count) ?? 240;
  const ticks: Tick[] = [];
  const start = first.getUTCFullYear() * 12 + first.getUTCMonth();
  for (let month = Math.ceil(start / every) * every; ; month += every) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (at > high) return ticks;
    if (at < low) continue;
    const isYear = every >= 12 || month % 12 === 0;
    const options: Intl.DateTimeFormatOptions = isYear ? { year: 'numeric' } : { month: 'short' };
    ticks.push({ at, label: new Intl.DateTimeFormat('en', { ...options, timeZone: 'UTC' }).format(at) });
  }
}
