/** What the commands of the guide print with `--json`: export, import, test and switch. */
import { z } from 'zod';
import { SPACES } from '../../src/contract.ts';
import type { Finding } from '../../src/diagnose/diagnose-database.ts';
import { VECTOR_STORES } from '../config-file/fields.ts';
import type { Change } from '../config-file/switch-config.ts';
import type { Updated } from '../update-text.ts';
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
  ...{ collection: z.string(), schema: z.string(), added: count, updated: count },
  ...{ unchanged: count, rejected: count },
  repeated: count.describe('Lines whose id a later line has too'),
  kept: count.nullable().describe('Records of the table that the files do not speak of'),
  keptCertifiedBy: z.string().nullable().describe('Run whose certificate these still held to'),
  checksum: z
    .object({ source: checksum, target: checksum })
    .nullable()
    .describe('Of the files’ records; null with --no-verify'),
});

export const importOutput = z.union([
  runOutput,
  z.object({
    ...{ run: z.string(), status: z.literal('succeeded'), store: z.string(), certificate: z.string() },
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

const change: z.ZodType<Change> = z.object({
  ...{ setting: z.string(), from: z.string().nullable(), to: z.string().nullable() },
});

export const switchOutput = z.object({
  ...{ to: z.enum(VECTOR_STORES), file: z.string() },
  safe: z.boolean().describe('Whether all that was compared is as it should be'),
  checks: z.array(z.string()).describe('One sentence for each thing that was compared'),
  changes: z.array(change).describe('Settings that the file did not have so'),
  written: z.boolean(),
  kept: z.string().nullable().describe('Where the former file is'),
  unset: z.array(z.string()).describe('Variables for the password that are not set here'),
});
export type SwitchOutput = z.infer<typeof switchOutput>;
