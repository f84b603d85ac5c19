import { InvalidInput } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import type { Database } from '../../src/postgres/database.ts';
import { parameterBatches } from '../../src/tune/apply-settings.ts';
import {
  type BuiltIndex,
  type ConcurrentBuildContext,
  createConcurrently,
  reindexConcurrently,
} from '../../src/tune/build-concurrently.ts';
import { furtherIndex, parseWantedIndex, type WantedIndex } from '../../src/tune/further-indexes.ts';
import { type LiveCollection, liveCollections } from '../../src/tune/live-collections.ts';
import {
  type IndexSuggestion,
  indexNames,
  metadataKeys,
  suggestIndexes,
} from '../../src/tune/metadata-keys.ts';
import { type RestoredSetting, restoreSettings } from '../../src/tune/restore-settings.ts';
import { adviseLive, applyLive, type LiveAdvice, type LiveSetting } from '../../src/tune/tune-live.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { type Option, UsageError, type Values } from '../command-line/options.ts';
import { flag, list } from '../command-line/values.ts';
import { consoleLog } from '../console-log.ts';
import { onInterrupt } from '../interrupt.ts';
import { localMemory } from '../local-memory.ts';
import { tuneOutput } from '../output/schemas.ts';
import { Progress } from '../progress/progress.ts';
import { ProgressDisplay, printableLines } from '../progress/progress-line.ts';
import { PostgresRdsAdapter } from '../rds-adapter.ts';
import { newRunName } from '../run-name.ts';
import { openTarget, outputOptions, runOptions, targetOptions } from '../source-options.ts';
import { tuneText } from '../tune-text.ts';

const indexes: Option<WantedIndex[]> = {
  value: 'language|recent[=DAYS]|metadata=KEY',
  help: 'builds a further index of the guide, or one on a metadata key; may be repeated',
  multiple: true,
  parse: (given) => given.split('\n').map(parseWantedIndex),
};

const options = {
  ...targetOptions,
  collections: list('A,B', 'collections or schemas to look at; all that were migrated by default'),
  apply: flag('set what is recommended; the old values are kept in the ledger'),
  restore: flag('set everything back that migrations and tune have set'),
  reindex: flag('build each vector index anew beside the old one, which answers meanwhile'),
  index: indexes,
  instanceMemory: runOptions.instanceMemory,
  ...outputOptions,
};

/** What `tune` found and did; what `--json` prints. */
export interface Tuned {
  database: string;
  memory: { bytes: number; isLowerBound: boolean };
  collections: LiveCollection[];
  settings: LiveSetting[];
  restored: RestoredSetting[];
  indexes: (BuiltIndex & { reason: string })[];
  suggestions: IndexSuggestion[];
}

export const tune: Command<typeof options> = {
  name: 'tune',
  summary: "explains the server's settings and indexes, and sets or builds them on request",
  description:
    'Reckons from the memory and the migrated collections what the server should be set to, and says from what to what and why. Without --apply, --restore, --reindex or --index it changes nothing.',
  options,
  output: tuneOutput,
  examples: [
    'chroma-to-pgvector tune --target postgres://user@localhost/vectors',
    'chroma-to-pgvector tune --target postgres://user@db.example.com/vectors --instance-memory 16GB --apply',
    'chroma-to-pgvector tune --target postgres://user@localhost/vectors --index language --index recent=30 --reindex',
    'chroma-to-pgvector tune --target postgres://user@localhost/vectors --restore',
  ],
  async run(values) {
    if (values.apply && values.restore) throw new UsageError(['--apply and --restore exclude each other']);
    const interrupt = onInterrupt('what was set is in the ledger, and a stopped index build left nothing');
    const progress = new Progress();
    const builds = values.reindex || values.index !== undefined;
    const display = values.quiet || !builds ? null : new ProgressDisplay(progress);
    try {
      const tuned = await tuneAll(values, progress, interrupt.signal);
      display?.stop();
      if (values.json) process.stdout.write(`${JSON.stringify(tuned)}\n`);
      else process.stdout.write(`${printableLines(tuneText(tuned, values))}\n`);
      const refused = tuned.settings.some(({ hindrance }) => values.apply && hindrance !== null);
      return refused || tuned.restored.some(({ restored }) => !restored) ? EXIT.failed : EXIT.done;
    } finally {
      display?.stop();
      interrupt.release();
    }
  },
};

async function tuneAll(
  values: Values<typeof options>,
  progress: Progress,
  signal: AbortSignal,
): Promise<Tuned> {
  const database = openTarget(values);
  const said = consoleLog(values);
  const log: Log = {
    warn: said.warn,
    info: (message, fields) => progress.log({ ...fields, message }, Date.now()),
  };
  const instanceMemoryBytes =
    values.instanceMemory ?? localMemory(values.target as string).instanceMemoryBytes;
  const live = await database.withClient('tune', (client) =>
    liveCollections(client, database.where, values.collections),
  );
  const restored = values.restore ? await restoreSettings(database) : [];
  const built = await buildIndexes({ database, log, signal, instanceMemoryBytes }, live, values);
  signal.throwIfAborted();
  return database.withClient('tune', async (client) => {
    const advice = await adviseLive(client, live, instanceMemoryBytes);
    const settings = values.apply ? await apply(database, client, advice) : advice.settings;
    const suggestions: IndexSuggestion[] = [];
    for (const one of live.filter(({ layout }) => layout === 'guide'))
      suggestions.push(
        ...suggestIndexes(one, await metadataKeys(client, one), await indexNames(client, one.schema)),
      );
    return {
      database: database.where,
      memory: { bytes: advice.memoryBytes, isLowerBound: advice.memoryIsLowerBound },
      ...{ collections: live, settings, restored, indexes: built, suggestions },
    };
  });
}

type Client = Parameters<typeof applyLive>[0];

const apply = (database: Database, client: Client, advice: LiveAdvice): Promise<LiveSetting[]> => {
  const adapter = new PostgresRdsAdapter(database);
  return applyLive(client, newRunName('tune'), advice, async (settings) => {
    for (const Parameters of parameterBatches(settings))
      await adapter.call('modifyDBParameterGroup', { Parameters: Parameters.map((one) => ({ ...one })) });
  });
};

async function buildIndexes(
  context: ConcurrentBuildContext,
  live: readonly LiveCollection[],
  { index: wanted = [], reindex }: Values<typeof options>,
): Promise<Tuned['indexes']> {
  const built: Tuned['indexes'] = [];
  const other = live.find(({ layout }) => wanted.length > 0 && layout !== 'guide');
  if (other)
    throw new InvalidInput(
      `--index is for the guide's tables, and schema "${other.schema}" has the layout ${other.layout}: name others with --collections.`,
    );
  for (const one of live) {
    const keys = wanted.some(({ kind }) => kind === 'metadata')
      ? await context.database.withClient('tune', (client) => metadataKeys(client, one))
      : [];
    for (const each of wanted) {
      const types = each.kind === 'metadata' ? keys.find(({ key }) => key === each.key)?.types : undefined;
      const definition = furtherIndex(each, one.schema, {
        today: new Date(),
        numeric: types?.length === 1 && types[0] === 'number',
      });
      built.push({ ...(await createConcurrently(context, one, definition)), reason: definition.reason });
    }
    if (reindex && one.vectorIndex !== null)
      built.push({
        ...(await reindexConcurrently(context, { ...one, vectorIndex: one.vectorIndex })),
        reason: 'Built anew from the present rows; what deletes and updates left behind is gone.',
      });
  }
  return built;
}
