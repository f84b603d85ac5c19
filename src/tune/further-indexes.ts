import { createHash } from 'node:crypto';
import pg from 'pg';
import { qualified } from './live-collections.ts';

/** An index that a person asks for beside those that a migration makes. */
export type WantedIndex =
  | { kind: 'language' }
  | { kind: 'recent'; days: number }
  | { kind: 'metadata'; key: string };

export interface FurtherIndex {
  schema: string;
  name: string;
  ddl: string;
  /** What it is good for, and what a query must say to use it. */
  reason: string;
  /** An older one of that name covers something else and is replaced. */
  replaces: boolean;
}

const DEFAULT_DAYS = 30;

/** `language`, `recent`, `recent=7`, `metadata=KEY` @throws Error that completes "--index …" */
export function parseWantedIndex(text: string): WantedIndex {
  const [, kind, value] = /^([a-z]+)(?:=([\s\S]+))?$/.exec(text) ?? [];
  if (kind === 'language' && value === undefined) return { kind };
  if (kind === 'recent') {
    const days = Number(value ?? DEFAULT_DAYS);
    if (!Number.isInteger(days) || days < 1 || days > 36_500)
      throw new Error(`is '${text}', whose days must be a whole number from 1 to 36500`);
    return { kind, days };
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what is looked for
  if (kind === 'metadata' && value && !/[\u0000]/.test(value)) return { kind, key: value };
  throw new Error(`is '${text}' and must be language, recent, recent=DAYS or metadata=KEY`);
}

/**
 * The statement that builds it without a lock on writers.
 * @param numeric whether the metadata key's values are numbers, which jsonb orders as such
 */
export function furtherIndex(
  wanted: WantedIndex,
  schema: string,
  { today, numeric }: { today: Date; numeric: boolean },
): FurtherIndex {
  const documents = qualified(schema, 'documents');
  const create = (name: string, rest: string) =>
    `create index concurrently ${pg.escapeIdentifier(name)} on ${documents} ${rest}`;
  if (wanted.kind === 'language') {
    const name = 'idx_documents_language';
    return {
      ...{ schema, name, replaces: false },
      ddl: create(name, '(language) where language is not null'),
      reason: "The guide's: serves where language = '…', and leaves out records that have none.",
    };
  }
  if (wanted.kind === 'recent') {
    const name = 'idx_documents_recent';
    const from = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()));
    from.setUTCDate(from.getUTCDate() - wanted.days);
    const day = from.toISOString().slice(0, 10);
    return {
      ...{ schema, name, replaces: true },
      ddl: create(name, `(created_at) where created_at > timestamptz '${day} 00:00:00+00'`),
      reason: `Covers what was created since ${day}. Postgres refuses the guide's predicate, created_at > CURRENT_DATE - INTERVAL '${wanted.days} days' ("functions in index predicate must be marked IMMUTABLE"): its answer is another one tomorrow, and no index can drop rows overnight. So the day is fixed; run this again to move it. A query uses it if it names a day that is not before that one, as a constant: where created_at > timestamptz '${day} 12:00+00'. A record's created_at is the time of its migration.`,
    };
  }
  const key = pg.escapeLiteral(wanted.key);
  const name = metadataIndexName(wanted.key);
  const expression = numeric ? `metadata -> ${key}` : `metadata ->> ${key}`;
  return {
    ...{ schema, name, replaces: false },
    ddl: create(name, `((${expression}))`),
    reason: numeric
      ? `Serves ranges and order: where ${expression} >= 'N', order by ${expression}. idx_documents_metadata answers metadata @> '…' alone.`
      : `Serves where ${expression} = '…', in (…) and ranges. idx_documents_metadata answers metadata @> '…' alone.`,
  };
}

/** An identifier of at most 63 bytes; keys that have one form are told apart by a digest. */
export function metadataIndexName(key: string): string {
  const plain = `idx_documents_metadata_${key}`;
  if (/^[a-z0-9_]+$/.test(key) && plain.length <= 63) return plain;
  const form = plain.replaceAll(/[^a-z0-9_]+/g, '_').slice(0, 54);
  return `${form}_${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
}
