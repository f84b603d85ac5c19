/** What the commands of the guide print with `--json`: export, import and test. */
import { z } from 'zod';
import { SPACES } from '../../src/contract.ts';
import type { Finding } from '../../src/diagnose/diagnose-database.ts';
import type { Updated } from '../../src/files/update-existing.ts';
import { VECTOR_STORES } from '../config-file/fields.ts';
import { runOutput } from './schemas.ts';

const count = z.int().min(0);
const checksum = z.string().regex(/^\d+$/).describe('Sum of the records’ digests modulo 2^64, in decimal');

export const exportOutput = z.object({
  ...{ output: z.string(), format: z.enum(['jsonl', 'pgcopy']), records: count, bytes: count },
  collections: z.array(
    z.object({
      ...{ tenant: z.string(), database: z.string(), collection: z.string() },
      ...{ dimension: count.nullable(), space: z.enum(SPACES), records: count },
      unholdable: count.describe('Records that Postgres cannot hold as they are'),
      checksum,
      files: z.array(z.object({ path: z.string(), records: count, bytes: count })),
    }),
  ),
});

const updated: z.ZodType<Updated> = z.object({
  ...{ collection: z.string(), schema: z.string(), added: count, updated: count, rejected: count },
  checksum: z.object({ source: checksum, target: checksum }).nullable(),
});

export const importOutput = z.union([
  runOutput,
  z.object({
    ...{ run: z.string(), status: z.literal('succeeded'), store: z.string() },
    collections: z.array(updated).describe('With --update-existing'),
  }),
]);

const finding: z.ZodType<Finding> = z.object({
  check: z.string(),
  state: z.enum(['good', 'advice', 'wrong', 'unknown']),
  said: z.string(),
  remedy: z.string().nullable().describe('Command or statement that mends it'),
});

export const testOutput = z.object({
  ...{ storage: z.enum(VECTOR_STORES), good: z.boolean(), findings: z.array(finding) },
});
