// One curve over the way or the time of a run, with a cross-hair that all curves share.
import type { PointerEvent } from 'react';
import { areaPath, BOX, horizontal, linePath, ticks, timeTicks, vertical, type Domain } from './scale.ts';

export type Curve = {
  name: string;
  values: readonly (number | null)[];
  domain: Domain;
  format: (value: number) => string;
  unit: string;
  /** Class that gives the color. */
  tone: 'pace' | 'heart' | 'climb' | 'cadence' | 'power';
  /** Low values at the top, as for pace. */
  isUpsideDown?: boolean;
  isArea?: boolean;
  /** Ticks are seconds. */
  isTime?: boolean;
  summary: string;
};

type Props = {
  curve: Curve;
  xs: readonly number[];
  xDomain: Domain;
  gapsAfter: ReadonlySet<number>;
  /** A part to be marked. */
  band: Domain | null;
  cursor: number | null;
  onPoint: (share: number | null) => void;
};

export function TrackChart({ curve, xs, xDomain, gapsAfter, band, cursor, onPoint }: Props) {
  const x = horizontal(xDomain);
  const y = vertical(curve.domain, curve.isUpsideDown);
  const line = linePath(xs.map(x), curve.values.map((each) => (each === null ? null : y(each))), gapsAfter);
  const levels = (curve.isTime ? timeTicks : ticks)(curve.domain, 3).filter((level) => y(level) > 30 && y(level) < 980);
  const here = cursor === null ? null : curve.values[cursor] ?? null;
  const point = (event: PointerEvent<HTMLDivElement>) => {
    if (event.type === 'pointermove' && !event.movementX && !event.movementY) return; // the page moved, not the pointer
    const { left, width } = event.currentTarget.getBoundingClientRect();
    onPoint(Math.min(1, Math.max(0, (event.clientX - left) / width)));
  };
  return (
    <figure className={`track tone-${curve.tone}`}>
      <figcaption>
        <span className="track-name">{curve.name}</span>
        <span className="track-value">
          {cursor === null ? curve.summary : `${here === null ? '–' : curve.format(here)} ${curve.unit}`}
        </span>
      </figcaption>
      <div className="plot" onPointerMove={point} onPointerDown={point} onPointerLeave={() => onPoint(null)}>
        <svg viewBox={`0 0 ${BOX} ${BOX}`} preserveAspectRatio="none" role="img" aria-label={`${curve.name}: ${curve.summary}`}>
          {levels.map((level) => (
            <line key={level} className="grid" x1="0" x2={BOX} y1={y(level)} y2={y(level)} />
          ))}
          {curve.isArea && <path className="area" d={areaPath(line)} />}
          <path className="curve" d={line} />
        </svg>
        {levels.map((level) => (
          <span key={level} className="level" style={{ top: `${y(level) / 10}%` }}>{curve.format(level)}</span>
        ))}
        {band && <span className="band" style={{ left: `${x(band[0]) / 10}%`, width: `${(x(band[1]) - x(band[0])) / 10}%` }} />}
        {cursor !== null && <span className="hair" style={{ left: `${x(xs[cursor]!) / 10}%` }} />}
        {cursor !== null && here !== null && (
          <span className="dot" style={{ left: `${x(xs[cursor]!) / 10}%`, top: `${y(here) / 10}%` }} />
        )}
      </div>
    </figure>
  );
}
