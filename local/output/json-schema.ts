import { z } from 'zod';
import { failureOutput } from './schemas.ts';

/** JSON Schema of what a command prints with `--json`: its result, or how it failed. */
export function outputSchema(name: string, output: z.ZodType): object {
  const { $schema, ...schema } = z.toJSONSchema(z.union([output, failureOutput]), {
    // Of objects no key is forbidden: a later release may add some.
    io: 'input',
  });
  return { $schema, title: `What chroma-to-pgvector ${name} --json prints`, ...schema };
}
