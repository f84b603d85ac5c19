/** Figures as people read them: English grouping, few digits, a unit. */
const integers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const shares = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const instants = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });
const decimals = [0, 1, 2, 3].map(
  (digits) => new Intl.NumberFormat('en', { maximumFractionDigits: digits }),
) as [Intl.NumberFormat, Intl.NumberFormat, Intl.NumberFormat, Intl.NumberFormat];

export const NOT_KNOWN = 'not known';

export const count = (value: number): string => (Number.isFinite(value) ? integers.format(value) : NOT_KNOWN);

/** Short from ten million on, where large type has no room: `12.3M`. The exact figure stands elsewhere. */
export const headlineCount = (value: number): string => (value < 1e7 ? count(value) : compact.format(value));

/** `1 record`, `2 records`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** Three significant digits, so that 0.42 and 4,210 read equally well. */
export function measure(value: number): string {
  if (!Number.isFinite(value)) return NOT_KNOWN;
  const size = Math.abs(value);
  return decimals[size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3].format(value);
}

/** Share from 0 to 1 as percent. */
export const percent = (share: number): string => shares.format(share);

/** Recall from 0 to 1 with three decimals, as the field writes it. */
export const recall = (share: number): string => share.toFixed(3);

export function seconds(value: number): string {
  if (!Number.isFinite(value) || value < 0) return NOT_KNOWN;
  if (value < 60) return `${measure(value)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${count(Math.floor(whole / 3600))} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const milliseconds = (value: number): string =>
  value >= 1000 ? `${measure(value / 1000)} s` : `${measure(value)} ms`;

export function bytes(value: number): string {
  if (!Number.isFinite(value)) return NOT_KNOWN;
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = value >= 1 ? Math.min(Math.floor(Math.log10(value) / 3), units.length - 1) : 0;
  return `${measure(value / 1000 ** power)} ${units[power]}`;
}

/** An ISO time in UTC for people; null and what is no time are `not known`. */
export function instant(iso: string | null): string {
  const time = milliseconds1970(iso);
  return time === null ? NOT_KNOWN : `${instants.format(time)} UTC`;
}

/** Milliseconds since 1970; null if it is no time. */
export function milliseconds1970(iso: string | null): number | null {
  const time = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isNaN(time) ? null : time;
}
