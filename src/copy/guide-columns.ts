import type { CanonicalMetadata } from './jsonb-text.ts';

/** The guide's columns of `documents` that come from metadata keys of the same name; null where there is none. */
export interface GuideColumns {
  filePath: Buffer | null;
  chunkIndex: number | null;
  startLine: number | null;
  endLine: number | null;
  language: Buffer | null;
}

/** A value of another type than its column's stays in the metadata alone. */
export function guideColumns(metadata: CanonicalMetadata | null): GuideColumns {
  return {
    filePath: text(metadata, 'file_path'),
    chunkIndex: integer(metadata, 'chunk_index'),
    startLine: integer(metadata, 'start_line'),
    endLine: integer(metadata, 'end_line'),
    language: text(metadata, 'language'),
  };
}

function text(metadata: CanonicalMetadata | null, key: string): Buffer | null {
  const entry = metadata?.entries.get(key);
  return entry?.kind === 'string' ? Buffer.from(JSON.parse(entry.text) as string) : null;
}

const INT32_MAX = 2 ** 31 - 1;

function integer(metadata: CanonicalMetadata | null, key: string): number | null {
  const entry = metadata?.entries.get(key);
  if (entry?.kind !== 'number' || !/^-?\d{1,10}$/.test(entry.text)) return null;
  const value = Number(entry.text);
  return value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : null;
}
