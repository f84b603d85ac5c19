import { measureBesideScript, measureOnceBesideScript } from './beside-script.ts';
import { measureExportRate } from './export-rate.ts';
import type { Figure } from './figure.ts';
import { measureFirstRecord } from './first-record.ts';
import { measureImportRate } from './import-rate.ts';
import { measureIndexBuild } from './index-build.ts';
import { measureMoving } from './moving.ts';
import { measureProcessMemory } from './process-memory.ts';
import type { Collection, Setting } from './setting.ts';
import { measureShardMemory } from './shard-memory.ts';
import { measureVerification } from './verification.ts';
import { measureWholeRun } from './whole-run.ts';

export interface Sizes {
  small: Collection;
  large: Collection;
  /** The same dimensions, and several shards of the usual size; the graph of an index outgrows the server's default. */
  manySmall: Collection;
  manyLarge: Collection;
  /** One shard of so many records as Lambda's memory must not depend on. */
  huge: Collection;
  /** What every process' memory is measured with, few and many records of each of two dimensions. */
  fewShort: Collection;
  manyShort: Collection;
  fewLong: Collection;
  manyLong: Collection;
}

/** What can be measured by itself: `npm run bench -- --only NAME`. */
export interface Part {
  name: string;
  /** How it is measured, for who reads the figures. */
  note: string;
  /** Collections that Chroma must hold. */
  needs: readonly (keyof Sizes)[];
  measure(setting: Setting, sizes: Sizes): Promise<Figure[]>;
}

/** One after the other for each of the two dimensions. The README has the figures of the larger one. */
const forBoth =
  (
    measure: (setting: Setting, collection: Collection) => Promise<Figure | Figure[]>,
    [small, large]: readonly [keyof Sizes, keyof Sizes] = BOTH,
  ): Part['measure'] =>
  async (setting, sizes) => [
    ...[await measure(setting, sizes[small])].flat().map(withoutHeadline),
    ...[await measure(setting, sizes[large])].flat(),
  ];

const withoutHeadline = (figure: Figure): Figure => ({ ...figure, headline: false });

const BOTH = ['small', 'large'] as const;
const BOTH_OF_MANY = ['manySmall', 'manyLarge'] as const;

/** In the order in which they are measured. */
export const PARTS: readonly Part[] = [
  {
    name: 'export',
    note: `Chroma on one core, the exporter on the other; the pages are thrown away in the same process on the same core.
Readers are requests that are under way at the same time. A shard has four of them; eight are two shards in two
processes. Medians of three turns after a warm-up.`,
    needs: BOTH,
    measure: (setting, { small, large }) => measureExportRate(setting, [small, large]),
  },
  {
    name: 'import',
    note: `Each connection loads one whole shard, all at the same time, so four of them load four times as many records. COPY
from a file and the importer bring the very same bytes into the same empty tables; each importer, each sender of ready
bytes and each psql is a process of its own. Where server and clients are on different cores, all of Postgres has one and
all clients have the other, as on two machines. INSERT is one transaction without keys or indexes, which favours it.
Medians of three turns after a warm-up.`,
    needs: BOTH,
    measure: forBoth(measureImportRate),
  },
  {
    name: 'moving',
    note: `From the state that starts the shards to the last one's commit, all process starts included, a shard a core at a time
as \`migrate\` takes them; the third line has more of them at a time. A ceiling alone has all cores for Chroma and its
readers, or for Postgres; a migration on one machine needs both at the same time, as the second line has them, besides what
neither does: scanning, digesting and storing the records. The last line has the processor time of all of that, each part
measured while it has the machine to itself and no process has yet to start, divided by the number of cores: less is not
possible on so many. Medians of three turns after a warm-up.`,
    needs: BOTH_OF_MANY,
    measure: forBoth(measureMoving, BOTH_OF_MANY),
  },
  {
    name: 'index',
    note: `On the same rows; ours with its connection, its looks at the catalogue and its entries in the ledger. By hand with
min_parallel_table_scan_size = 0 (without which nobody helps where the vectors lie beside their table) and the best
maintenance_work_mem and number of parallel workers that was found. Medians of three turns after a warm-up.`,
    needs: BOTH,
    measure: forBoth(measureIndexBuild),
  },
  {
    name: 'verify',
    note: `One sequential read is \`COPY … TO '/dev/null' (FORMAT binary)\` of both tables by the server: each row is read, its
long values are brought in from beside the table, and nothing is sent to anybody. The checksum joins both tables and takes
SHA-256 over every record. Medians of five turns after a warm-up.`,
    needs: BOTH,
    measure: forBoth(measureVerification),
  },
  {
    name: 'start',
    note: `From the start of the process to the first answer of Chroma that has embeddings in it, with built bundles; checking
both servers, planning and preparing the database lie in between. The median of five turns after a warm-up.`,
    needs: BOTH,
    measure: forBoth(measureFirstRecord),
  },
  {
    name: 'script',
    note: `The script ([usual-script.ts](usual-script.ts)) reads pages of 1,000 with Chroma's client, writes each by one INSERT with
\`pg\`, and builds the index at the end; it checks nothing. \`migrate\` verifies every record, compares searches, and
publishes. Each is a process of its own. SQL time is the sum of the INSERTs, or of the imports from their beginning to
their commit; COPY with nothing beside it is what no import can come below. Means of two turns after a warm-up for the
smaller collections, one turn for the larger ones, whose index does not fit into the memory that the server's default
gives a build; a script that takes longer than ten minutes is ended.`,
    needs: [...BOTH, ...BOTH_OF_MANY],
    measure: async (setting, sizes) => [
      ...(await forBoth(measureBesideScript)(setting, sizes)).map(withoutHeadline),
      ...(await forBoth(measureOnceBesideScript, BOTH_OF_MANY)(setting, sizes)),
    ],
  },
  {
    name: 'migrate',
    note: `Beside the least that any migration must do, one after the other: \`migrate\` checks, verifies, samples and publishes
besides. Medians of three turns after a warm-up.`,
    needs: ['large'],
    measure: async (setting, { large }) => [await measureWholeRun(setting, large)],
  },
  {
    // Last, since the server is slower with so much of it in memory.
    name: 'memory',
    note: 'The most physical memory that the bundled function ever had, in a process that has served nothing before.',
    needs: ['large', 'huge'],
    measure: (setting, { large, huge }) => measureShardMemory(setting, large, huge),
  },
  {
    name: 'processes',
    note: `The most physical memory that each process of a whole \`migrate\` ever had, looked up every 20 ms: the command and its
runner, and each bundled function, of which the largest counts where several served the same step.`,
    needs: ['fewShort', 'fewLong', 'manyLong', 'manyShort'],
    measure: async (setting, { fewShort, manyShort, fewLong, manyLong }) => [
      ...(await measureProcessMemory(setting, fewShort, manyShort)),
      ...(await measureProcessMemory(setting, fewLong, manyLong)),
    ],
  },
];
