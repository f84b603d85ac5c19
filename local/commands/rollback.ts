import { MigrationError } from '../../src/errors.ts';
import { rollback as rollBack } from '../../src/publish/rollback.ts';
import type { AsItWas } from '../../src/verify/source-as-it-was.ts';
import { asItWasText, readAsItWas } from '../as-it-was.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import type { Values } from '../command-line/options.ts';
import { text } from '../command-line/values.ts';
import { consoleLog } from '../console-log.ts';
import { rollbackOutput } from '../output/schemas.ts';
import { printable, printableLines } from '../progress/progress-line.ts';
import { openTarget, outputOptions, readableSourceOptions, targetOptions } from '../source-options.ts';

const options = {
  ...{ ...readableSourceOptions, ...targetOptions },
  source: {
    ...readableSourceOptions.source,
    help: 'address of the Chroma server, or a folder of its PersistentClient: says whether it holds what is live again',
    required: false,
  },
  collection: text('NAME', 'collection or schema to roll back', { required: true }),
  ...outputOptions,
};

export const rollback: Command<typeof options> = {
  name: 'rollback',
  summary: 'puts the previous version of a collection in its place again',
  description:
    'Swaps the live tables of a collection with those that were live before, in one transaction. Rolling back twice returns to where you were. With --source it then reads Chroma and says whether it holds what it held when the tables that are live again were made.',
  options,
  output: rollbackOutput,
  examples: [
    'chroma-to-pgvector rollback --target postgres://user@localhost/vectors --collection docs',
    'chroma-to-pgvector rollback --target postgres://user@localhost/vectors --collection docs --source http://localhost:8000',
  ],
  async run(values) {
    const rolledBack = await rollBack(openTarget(values), values.collection as string, consoleLog(values));
    const chroma = values.source === undefined ? null : await chromaNow(values, rolledBack.schema);
    if (values.json) process.stdout.write(`${JSON.stringify({ ...rolledBack, chroma })}\n`);
    else {
      process.stdout.write(
        `Collection "${printable(rolledBack.collection)}" is what it was before, in schema "${rolledBack.schema}".\n`,
      );
      if (chroma) process.stdout.write(`${printableLines(asItWasText([chroma]))}\n`);
    }
    return EXIT.done;
  },
};

/** The rollback is done by then, and Chroma is no part of it. */
async function chromaNow(values: Values<typeof options>, schema: string): Promise<AsItWas | null> {
  try {
    const found = await readAsItWas(values, openTarget(values), schema);
    return found.find((one) => one.schema === schema) ?? null;
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    consoleLog(values).warn(`Chroma was not compared: ${error.message}`);
    return null;
  }
}
