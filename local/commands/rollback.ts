import { rollback as rollBack } from '../../src/publish/rollback.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { text } from '../command-line/values.ts';
import { consoleLog } from '../console-log.ts';
import { rollbackOutput } from '../output/schemas.ts';
import { printable } from '../progress/progress-line.ts';
import { openTarget, outputOptions, targetOptions } from '../source-options.ts';

const options = {
  ...targetOptions,
  collection: text('NAME', 'collection or schema to roll back', { required: true }),
  ...outputOptions,
};

export const rollback: Command<typeof options> = {
  name: 'rollback',
  summary: 'puts the previous version of a collection in its place again',
  description:
    'Swaps the live tables of a collection with those that were live before, in one transaction. Rolling back twice returns to where you were.',
  options,
  output: rollbackOutput,
  examples: ['chroma-to-pgvector rollback --target postgres://user@localhost/vectors --collection docs'],
  async run(values) {
    const rolledBack = await rollBack(openTarget(values), values.collection as string, consoleLog(values));
    if (values.json) process.stdout.write(`${JSON.stringify(rolledBack)}\n`);
    else
      process.stdout.write(
        `Collection "${printable(rolledBack.collection)}" is what it was before, in schema "${rolledBack.schema}".\n`,
      );
    return EXIT.done;
  },
};
