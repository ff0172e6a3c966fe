// From the API's meters and seconds to text, in the runner's units.
import { createContext, useContext } from 'react';

export type System = 'METRIC' | 'IMPERIAL';

export const UnitsContext = createContext<System>('METRIC');

const METERS = { METRIC: 1000, IMPERIAL: 1609.344 };
const METERS_PER_FOOT = 0.3048;
const LANGUAGE = 'en';

/** A value and its unit, apart so that they can be set in different type. */
export type Figure = { value: string; unit: string };

const rounded = (value: number, digits: number): string =>
  value.toLocaleString(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Seconds as 4:05, 1:04:05 or, with `tenths`, 1:19.3. */
export function duration(seconds: number, { tenths = false } = {}): string {
  const scale = tenths ? 10 : 1;
  const whole = Math.round(seconds * scale);
  const minutes = Math.floor(whole / (60 * scale));
  const left = (whole % (60 * scale)) / scale;
  const padded = left.toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, '0');
  if (minutes < 60) return `${minutes}:${padded}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${padded}`;
}

/** The time of a record: tenths below ten minutes. */
export const recordTime = (seconds: number): string => duration(seconds, { tenths: seconds < 600 });

/** How much faster: 43.8 s, 1:41. */
export const gain = (seconds: number): string => (seconds < 60 ? `${rounded(seconds, 1)} s` : duration(seconds));

/** Seconds as "about 2 min", for estimates. */
export function roughly(seconds: number): string {
  if (seconds < 5) return 'a few seconds';
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 3300) return `about ${Math.round(seconds / 60)} min`;
  return `about ${rounded(seconds / 3600, 1)} h`;
}

/** Hours and minutes, for sums of training. */
export function hours(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')}`;
}

const OF_DAY: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric' };
const OF_CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const written = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone: 'UTC' });
const DAY = written(OF_DAY);
const LONG_DAY = written({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const MONTH = written({ month: 'short', year: 'numeric' });
const CLOCK = written(OF_CLOCK);
const OWN_DAY = new Intl.DateTimeFormat(LANGUAGE, OF_DAY);
const OWN_CLOCK = new Intl.DateTimeFormat(LANGUAGE, OF_CLOCK);

/** A local time or a calendar day is shown as it is written: no time zone shifts it. */
const asWritten = (local: string): Date => new Date(`${local.slice(0, 19)}${local.length > 10 ? 'Z' : 'T00:00:00Z'}`);

export const shortDay = (local: string): string => DAY.format(asWritten(local));
export const longDay = (local: string): string => LONG_DAY.format(asWritten(local));
export const month = (local: string): string => MONTH.format(asWritten(local));
export const clock = (local: string): string => CLOCK.format(asWritten(local));
export const millis = (local: string): number => asWritten(local).getTime();

/** The day of an instant where the viewer is. */
export const ownDay = (instant: string): string => OWN_DAY.format(new Date(instant));

/** The time of an instant where the viewer is, with its day unless it is today. */
export function ownTime(instant: string): string {
  const time = OWN_CLOCK.format(new Date(instant));
  return ownDay(instant) === OWN_DAY.format(Date.now()) ? time : `${ownDay(instant)}, ${time}`;
}

/** How long ago an instant was, as "3 hours ago". */
export function ago(instant: string): string {
  const seconds = (Date.now() - new Date(instant).getTime()) / 1000;
  const steps: [number, Intl.RelativeTimeFormatUnit][] = [[60, 'second'], [3600, 'minute'], [86_400, 'hour'], [2_592_000, 'day'], [31_536_000, 'month']];
  const [, unit] = steps.find(([limit]) => seconds < limit) ?? [0, 'year'];
  const size = { second: 1, minute: 60, hour: 3600, day: 86_400, month: 2_592_000, year: 31_536_000 }[unit as string] ?? 1;
  if (unit === 'second') return 'just now';
  return new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' }).format(-Math.floor(seconds / size), unit as Intl.RelativeTimeFormatUnit);
}

/** A tick of an axis: no more decimals than it has, one at most. */
export const tick = (value: number): string => value.toLocaleString(LANGUAGE, { maximumFractionDigits: 1 });

export const whole = (value: number): string => rounded(value, 0);
export const percent = (value: number): string => `${rounded(value, 1)} %`;

/** Formatters of one runner's units. */
export class Units {
  readonly unitMeters: number;
  readonly unit: string;

  constructor(readonly system: System) {
    this.unitMeters = METERS[system];
    this.unit = system === 'METRIC' ? 'km' : 'mi';
  }

  distance(meters: number, digits = 2): Figure {
    return { value: rounded(meters / this.unitMeters, digits), unit: this.unit };
  }

  /** From seconds per kilometer, as the API gives pace. */
  pace(secondsPerKilometer: number | null): Figure {
    const unit = `/${this.unit}`;
    if (secondsPerKilometer === null) return { value: '–', unit };
    return { value: duration((secondsPerKilometer * this.unitMeters) / 1000), unit };
  }

  elevation(meters: number | null): Figure {
    const unit = this.system === 'METRIC' ? 'm' : 'ft';
    if (meters === null) return { value: '–', unit };
    return { value: whole(this.system === 'METRIC' ? meters : meters / METERS_PER_FOOT), unit };
  }
}

const UNITS = { METRIC: new Units('METRIC'), IMPERIAL: new Units('IMPERIAL') };

export const useUnits = (): Units => UNITS[useContext(UnitsContext)];
