import { randomBytes } from 'node:crypto';

/** Where a run's shards and reports are left on this machine. */
export const DEFAULT_STORE = '.chroma-to-pgvector';

/** `run-20261124-134502-5f3a`: sorts by time, can be typed, and is another one for who starts in the same second. */
export const newRunName = (prefix: string): string => {
  const second = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${prefix}-${second}-${randomBytes(2).toString('hex')}`;
};
