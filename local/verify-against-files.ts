/** `verify --source FILES`: the live tables against the files that they were filled from, without Chroma. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../src/contract.ts';
import { InvalidInput } from '../src/errors.ts';
import { type ExportManifest, manifestKey, readExportManifest } from '../src/files/export-manifest.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { FileStore } from '../src/store/file-store.ts';
import type { ShardStore } from '../src/store/store.ts';
import { verifyStored } from '../src/verify/verify-live.ts';
import type { ExitCode } from './command-line/command.ts';
import { type FilePlace, openFilePlace } from './file-places.ts';
import { type Interrupt, onInterrupt } from './interrupt.ts';
import { logPlanned, withProgress } from './progress/with-progress.ts';
import { BATCH, readFilePlace } from './read-file-place.ts';
import { openTarget, requestOf, type TargetValues } from './source-options.ts';
import { printVerifications } from './verification-text.ts';

interface FilesValues extends TargetValues {
  source: string | undefined;
  schema: string | undefined;
  sampleSize: number | undefined;
  collection: string | undefined;
  space: Plan['collections'][number]['space'] | undefined;
  json: true | undefined;
  quiet: true | undefined;
  verbose: true | undefined;
}

/** @throws InvalidInput if they are but a part of what was exported */
export async function verifyAgainstFiles(values: FilesValues): Promise<ExitCode> {
  const from = await openFilePlace(values.source as string);
  const manifest = await readExportManifest(from.store, manifestKey(from.file));
  if (manifest?.part)
    throw new InvalidInput(
      `${from.name} is a part of its collection (${manifest.part.where ? '--where' : '--limit'}), and the tables hold all: pass a whole export.`,
    );
  const interrupt = onInterrupt('nothing was changed');
  try {
    const { store, plan } = await shardsOf(values, { from, manifest }, interrupt);
    const verifications = await withProgress(values, (log) => {
      logPlanned(log, plan);
      return interrupt.stops(verifyStored({ database: openTarget(values), store, log }, plan));
    });
    return printVerifications(verifications, values.json);
  } finally {
    interrupt.release();
  }
}

/** Files of COPY bytes are shards already; lines are cut into some that are gone when the process ends. */
async function shardsOf(
  values: FilesValues,
  { from, manifest }: { from: FilePlace; manifest: ExportManifest | null },
  interrupt: Interrupt,
): Promise<{ store: ShardStore; plan: Plan }> {
  if (manifest?.run) return { store: from.store, plan: await requirePlan(from.store, manifest.run) };
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-verify-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const store = new FileStore(folder);
  const { schema, sampleSize } = values;
  const into = { store, run: 'verify', request: requestOf({ schema, sampleSize }), batchSize: BATCH };
  return { store, plan: await readFilePlace({ ...values, from, manifest }, into, interrupt) };
}
