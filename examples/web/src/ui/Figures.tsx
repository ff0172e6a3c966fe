import type { Figure } from '../units.ts';

export function Value({ value, unit }: Figure) {
  return (
    <span className="value">
      {value}
      {unit && <span className="unit">{unit.startsWith('/') ? unit : ` ${unit}`}</span>}
    </span>
  );
}

/** Key figures side by side, each with its label. */
export function Figures({ of, size = 'large' }: { of: [label: string, figure: Figure][]; size?: 'large' | 'small' }) {
  return (
    <dl className={`figures ${size}`}>
      {of.map(([label, figure]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd><Value {...figure} /></dd>
        </div>
      ))}
    </dl>
  );
}
