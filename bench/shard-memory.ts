import { readFileSync } from 'node:fs';
import pg from 'pg';
import { readAssembly } from '../local/assembly.ts';
import { buildAll } from '../local/build.ts';
import { Environment } from '../local/lambda/environment.ts';
import { environmentVariables } from '../local/lambda/environment-variables.ts';
import type { LambdaDefinition } from '../local/lambda/lambda-definition.ts';
import type { Json } from '../local/state-machine/json.ts';
import type { Batch, ExportShardOutput } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { incomingSchema } from '../src/postgres/collection-schema.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import type { Figure } from './figure.ts';
import { type Collection, planOneShard, type Setting } from './setting.ts';

const GOAL_MB = 512;
const GOAL_GROWTH = 1.1;

type Definitions = Record<'ExportShard' | 'ImportShard', LambdaDefinition>;
/** In MB. */
type Peaks = Record<keyof Definitions, number>;

/**
 * Peak resident memory of the two functions that touch records, as bundled for AWS and under the limits of their
 * definition, with a shard of few and a shard of many records.
 */
export async function measureShardMemory(
  setting: Setting,
  few: Collection,
  many: Collection,
): Promise<Figure[]> {
  const definitions = await readDefinitions();
  const peaks = {
    few: await moveShard(setting, definitions, few),
    many: await moveShard(setting, definitions, many),
  };
  return (['ExportShard', 'ImportShard'] as const).map((step) => {
    const growth = peaks.many[step] / peaks.few[step];
    return {
      what: `peak memory of ${step}, ${many.records.toLocaleString('en')} records of ${many.dimension.toLocaleString('en')} dimensions in one shard`,
      product: `${Math.round(peaks.many[step])} MB`,
      beside: `${Math.round(peaks.few[step])} MB with ${few.records.toLocaleString('en')} records`,
      ratio: growth,
      goal: {
        word: `≤ ${GOAL_GROWTH}, < ${GOAL_MB} MB`,
        holds: growth <= GOAL_GROWTH && peaks.many[step] < GOAL_MB,
      },
      headline: true,
    };
  });
}

async function moveShard(setting: Setting, definitions: Definitions, collection: Collection): Promise<Peaks> {
  const run = `memory-${collection.records}`;
  const { plan, shard } = await planOneShard(setting, run, collection);
  await prepareDatabase(setting.database, plan, silentLog);
  const exported = await invokeFresh(definitions.ExportShard, setting, { items: [shard] } as unknown as Json);
  const {
    number,
    schema,
    collection: name,
    manifestKey,
  } = (exported.answer as unknown as Batch<ExportShardOutput>).items[0] as ExportShardOutput;
  const event = { run, schema, collection: name, number, manifestKey };
  const imported = await invokeFresh(definitions.ImportShard, setting, { items: [event] });
  await setting.database.withClient('bench', (client) =>
    client.query(`drop schema ${pg.escapeIdentifier(incomingSchema(schema))} cascade`),
  );
  return { ExportShard: exported.peakMb, ImportShard: imported.peakMb };
}

/** Serves one event in an environment that has served none before. */
async function invokeFresh(
  definition: LambdaDefinition,
  { chromaServer, postgres, store }: Setting,
  event: Json,
): Promise<{ answer: Json; peakMb: number }> {
  const variables = environmentVariables(definition, {
    STORE_URL: store.url,
    CHROMA_URL: chromaServer.url,
    DATABASE_URL: postgres.url,
    DATABASE_CA_FILE: '',
  });
  const environment = new Environment(definition, variables, () => undefined);
  try {
    const answer = await environment.invoke(event, AbortSignal.timeout(definition.timeoutSeconds * 1000));
    return { answer, peakMb: peakMb(environment.pid) };
  } finally {
    await environment.stop('measured');
  }
}

async function readDefinitions(): Promise<Definitions> {
  const { assembly } = await buildAll();
  const all = [...readAssembly(assembly).functions.values()];
  const named = (step: string) => all.find(({ name }) => name.includes(step)) as LambdaDefinition;
  return { ExportShard: named('ExportShard'), ImportShard: named('ImportShard') };
}

/** The most physical memory that the process ever had (proc(5), VmHWM). */
function peakMb(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
