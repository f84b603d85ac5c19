import { MigrationInput } from '../../src/contract.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { planDdl } from '../../src/postgres/collection-schema.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { planOutput } from '../output/schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { openSource, outputOptions, requestOf, selectionOptions, sourceOptions } from '../source-options.ts';
import { alignedTable } from '../summary.ts';

const options = { ...sourceOptions, ...selectionOptions, ...outputOptions };

export const plan: Command<typeof options> = {
  name: 'plan',
  summary: 'shows what would be moved; reads only',
  description:
    'Looks at the Chroma server and shows what a migration would move, in how many shards and bytes, and the exact DDL. Neither the server nor any database is written to.',
  options,
  output: planOutput,
  examples: [
    'chroma-to-pgvector plan --source http://localhost:8000',
    'chroma-to-pgvector plan --source http://localhost:8000 --collections docs --json',
  ],
  async run(values) {
    const chroma = openSource(values);
    try {
      const { plan: made, shards } = await makePlan(chroma, 'plan', MigrationInput.parse(requestOf(values)));
      const ddl = planDdl(made);
      if (values.json)
        process.stdout.write(`${JSON.stringify({ ...made, shards: shards.length, ddl }, null, 2)}\n`);
      else process.stdout.write(`${printableLines(planText(made, ddl))}\n`);
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

function planText(made: MadePlan, ddl: string): string {
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
  return [
    `Chroma ${made.sourceVersion} at ${made.source}: ${counted(made.collections.length, 'collection')}, ${counted(sum('records'), 'record')}, ${counted(sum('shards'), 'shard')}, about ${megabytes(sum('bytes'))}.`,
    '',
    ...alignedTable([header, ...rows], 3),
    ...made.warnings.flatMap((warning) => ['', `Note: ${warning}`]),
    '',
    '-- What would be created',
    ddl,
  ].join('\n');
}
