/** A row of pg_settings. `unit` is what a plain number in `setting` counts; null for numbers without one and words. */
export interface CurrentSetting {
  setting: string;
  unit: string | null;
  /** `postmaster`: takes a restart (on RDS a reboot); all others that are tuned here take a reload at most. */
  context: string;
}

/** pg_settings' units of memory in bytes (PostgreSQL docs, 20.1.1 "Parameter Names and Values"). */
const UNIT_BYTES: Record<string, number> = {
  B: 1,
  kB: 1024,
  '8kB': 8192,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
};

function bytesOf(unit: string | null): number {
  const bytes = UNIT_BYTES[unit ?? ''];
  if (bytes === undefined) throw new RangeError(`'${unit}' is no unit of memory in pg_settings`);
  return bytes;
}

/** Bytes of a memory setting. */
export const settingBytes = ({ setting, unit }: CurrentSetting): number => Number(setting) * bytesOf(unit);

/** Bytes as a plain number in the setting's unit, rounded down: RDS takes just that number. */
export const bytesInUnit = (bytes: number, { unit }: CurrentSetting): string =>
  String(Math.floor(bytes / bytesOf(unit)));

/** `2.4 GiB`, for reasons that people read. */
export function sizeInWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes >= 1 ? Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1) : 0;
  const value = bytes / 1024 ** power;
  return `${new Intl.NumberFormat('en', { maximumSignificantDigits: 3 }).format(value)} ${units[power]}`;
}

/** A setting's value for people: `524288` of 8kB is `4 GiB`, `900` of s is `900 s`. */
export function settingInWords(value: string, unit: string | null): string {
  const size = UNIT_BYTES[unit ?? ''];
  const number = Number(value);
  // -1 stands for a default that follows another setting.
  if (size !== undefined && number >= 0) return sizeInWords(number * size);
  return unit === null || size !== undefined ? value : `${value} ${unit}`;
}
