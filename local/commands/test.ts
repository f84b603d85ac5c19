import { statfs } from 'node:fs/promises';
import { diagnoseDatabase, type Finding } from '../../src/diagnose/diagnose-database.ts';
import { diagnoseSource } from '../../src/diagnose/diagnose-source.ts';
import { serveSource } from '../chroma-folder.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { UsageError, type Values } from '../command-line/options.ts';
import { oneOf } from '../command-line/values.ts';
import { VECTOR_STORES, type VectorStore } from '../config-file/fields.ts';
import { testOutput } from '../output/file-schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import {
  openSource,
  openTarget,
  outputOptions,
  readableSourceOptions,
  targetOptions,
} from '../source-options.ts';

const options = {
  ...{ ...readableSourceOptions, ...targetOptions },
  source: { ...readableSourceOptions.source, required: ['config', 'target', 'storage'] },
  target: { ...targetOptions.target, required: ['config', 'source', 'storage'] },
  storage: oneOf(
    VECTOR_STORES,
    'which of the two to look at; by default as the configuration says, else Postgres',
  ),
  ...outputOptions,
};
type TestValues = Values<typeof options>;

export const test: Command<typeof options> = {
  name: 'test',
  summary: 'says what is wrong with the database or with Chroma, and the command that mends it',
  description:
    'Looks at the connection, TLS, pgvector and its version, privileges, the connections that are left for the pool, free space, pg_stat_statements, and whether searches use their indexes. With --storage chromadb it looks at Chroma. Changes nothing.',
  options,
  examples: [
    'chroma-to-pgvector test --target postgres://user@localhost/vectors',
    'chroma-to-pgvector test --storage chromadb --source http://localhost:8000',
  ],
  output: testOutput,
  async run(values) {
    const storage = storageOf(values);
    const findings = storage === 'chromadb' ? await source(values) : await target(values);
    const isWrong = findings.some(({ state }) => state === 'wrong');
    if (values.json) process.stdout.write(`${JSON.stringify({ storage, good: !isWrong, findings })}\n`);
    else process.stdout.write(`${printableLines(findingsText(findings))}\n`);
    return isWrong ? EXIT.failed : EXIT.done;
  },
};

/** @throws UsageError if there is no address of it */
function storageOf({ storage, config, source: chroma, target: postgres }: TestValues): VectorStore {
  const asked =
    storage ?? config?.fields.storage?.vector_store ?? (postgres === undefined ? 'chromadb' : 'postgresql');
  if (asked === 'chromadb' && chroma === undefined)
    throw new UsageError(['--source is missing: which Chroma shall be looked at?']);
  if (asked === 'postgresql' && postgres === undefined)
    throw new UsageError(['--target is missing: which database shall be looked at?']);
  return asked;
}

async function target(values: TestValues): Promise<Finding[]> {
  const { hostname } = new URL(values.target as string);
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const poolSize = values.config?.fields.database?.pool?.max_size ?? null;
  const freeBytes = async (folder: string) => {
    if (!isHere) return null;
    return statfs(folder)
      .then(({ bavail, bsize }) => bavail * bsize)
      .catch(() => null);
  };
  return diagnoseDatabase(openTarget(values), { poolSize, freeBytes });
}

async function source(values: TestValues): Promise<Finding[]> {
  const served = await serveSource(values.source as string);
  const chroma = openSource({ ...values, source: served.url });
  try {
    return await diagnoseSource(chroma);
  } finally {
    await chroma.close();
    await served.stop();
  }
}

const MARKS: Record<Finding['state'], string> = { good: '✅', advice: '💡', wrong: '❌', unknown: '➖' };

const findingsText = (findings: readonly Finding[]): string =>
  findings
    .flatMap(({ check, state, said, remedy }) => [
      `${MARKS[state]} ${check.padEnd(11)} ${said}`,
      ...(remedy === null ? [] : [`   ${''.padEnd(11)} → ${remedy}`]),
    ])
    .join('\n');
