import { MigrationInput } from '../../src/migration-input.ts';
import { childrenOf, DEFAULT_DEPLOYMENT, estimateRun, PRICES, type Prices } from '../../src/plan/cost.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { planDdl } from '../../src/postgres/collection-schema.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import type { Option } from '../command-line/options.ts';
import { flag, integer, text } from '../command-line/values.ts';
import { estimateText } from '../estimate-text.ts';
import { planOutput } from '../output/schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { withProgress } from '../progress/with-progress.ts';
import { openSource, outputOptions, requestOf, selectionOptions, sourceOptions } from '../source-options.ts';
import { LISTED, listedTable } from '../summary.ts';

/** `databaseHour=0.30`, any number of times. */
const prices: Option<Partial<Prices>> = {
  value: 'NAME=USD',
  help: `price that the reckoning for AWS takes instead of its own: ${Object.keys(PRICES).join(', ')}; may be repeated`,
  multiple: true,
  parse: (given) =>
    Object.fromEntries(
      given.split('\n').map((one) => {
        const [name = '', price] = one.split('=');
        if (!(name in PRICES))
          throw new Error(`has '${name}' and must be one of ${Object.keys(PRICES).join(', ')}`);
        if (!/^\d+(\.\d+)?(e-?\d+)?$/.test(price ?? ''))
          throw new Error(`has '${one}' and must look like ${name}=0.30`);
        return [name, Number(price)];
      }),
    ),
};

/** As `bench/build-predictor.ts --speed` finds it. */
const buildSpeed: Option<number> = {
  value: 'N',
  help: 'how fast the database builds an index beside the machine that was measured (bench/BUILDS.md says how to find out); 1 by default',
  parse: (given) => {
    const speed = Number(given);
    if (!/^\d+(\.\d+)?$/.test(given) || speed < 0.01 || speed > 100)
      throw new Error(`is '${given}' and must be a number from 0.01 to 100`);
    return speed;
  },
};

const options = {
  ...{ ...sourceOptions, ...selectionOptions },
  instanceClass: text(
    'CLASS',
    `database on AWS that the reckoning is for; ${DEFAULT_DEPLOYMENT.instanceClass} by default`,
  ),
  storageGib: integer(`its disk in GiB; ${DEFAULT_DEPLOYMENT.storageGib} by default`, {
    min: 20,
    max: 65_536,
  }),
  multiAz: flag('it has a second instance in another zone'),
  concurrency: integer(
    `shards that are moved at the same time; ${DEFAULT_DEPLOYMENT.concurrency} by default`,
    {
      min: 1,
      max: 1000,
    },
  ),
  price: prices,
  buildSpeed,
  ...outputOptions,
};

export const plan: Command<typeof options> = {
  name: 'plan',
  summary: 'shows what would be moved; reads only',
  description:
    'Looks at the Chroma server and shows what a migration would move, in how many shards and bytes, what it would take and cost on AWS, and the exact DDL. Neither the server nor any database is written to.',
  options,
  output: planOutput,
  examples: [
    'chroma-to-pgvector plan --source http://localhost:8000',
    'chroma-to-pgvector plan --source http://localhost:8000 --collections docs --json',
    'chroma-to-pgvector plan --source http://localhost:8000 --instance-class r7g.2xlarge --price databaseHour=1.05',
  ],
  async run(values) {
    const chroma = openSource(values);
    try {
      const { plan: made, shards } = await withProgress(values, (log) =>
        makePlan(chroma, 'plan', MigrationInput.parse(requestOf(values)), null, log),
      );
      const { instanceClass, storageGib, concurrency, multiAz = false } = values;
      const deployment = {
        ...{ ...DEFAULT_DEPLOYMENT, multiAz },
        ...(instanceClass !== undefined && { instanceClass }),
        ...(storageGib !== undefined && { storageGib }),
        ...(concurrency !== undefined && { concurrency }),
      };
      const children = childrenOf({ plan: made, shards }, deployment.concurrency);
      const aws = estimateRun(made, children, deployment, values.price, values.buildSpeed);
      if (values.json)
        process.stdout.write(
          `${JSON.stringify({ ...made, shards: shards.length, aws, ddl: planDdl(made) }, null, 2)}\n`,
        );
      else process.stdout.write(`${printableLines(planText(made, estimateText(aws, deployment)))}\n`);
      return EXIT.done;
    } finally {
      await chroma.close();
    }
  },
};

const count = new Intl.NumberFormat('en');
const counted = (number: number, what: string) => `${count.format(number)} ${what}${number === 1 ? '' : 's'}`;
const megabytes = (bytes: number) => `${count.format(Math.ceil(bytes / 1e6))} MB`;

type MadePlan = Awaited<ReturnType<typeof makePlan>>['plan'];

function planText(made: MadePlan, onAws: string[]): string {
  const header = ['collection', 'schema', 'space', 'dimension', 'records', 'shards', 'size'];
  const rows = made.collections.map((one) => [
    one.collection,
    one.schema,
    one.space,
    one.dimension === null ? '–' : String(one.dimension),
    count.format(one.records),
    count.format(one.shards),
    megabytes(one.bytes),
  ]);
  const sum = (key: 'records' | 'shards' | 'bytes') =>
    made.collections.reduce((total, one) => total + one[key], 0);
  const more = made.collections.length - LISTED;
  return [
    `Chroma ${made.sourceVersion} at ${made.source}: ${counted(made.collections.length, 'collection')}, ${counted(sum('records'), 'record')}, ${counted(sum('shards'), 'shard')}, about ${megabytes(sum('bytes'))}.`,
    '',
    ...listedTable(header, rows, 3),
    ...made.warnings.flatMap((warning) => ['', `Note: ${warning}`]),
    '',
    ...onAws,
    '',
    '-- What would be created',
    planDdl({ ...made, collections: made.collections.slice(0, LISTED) }),
    ...(more > 0 ? ['', `-- … and of ${counted(more, 'more collection')}: --json has it all.`] : []),
  ].join('\n');
}
