/** Writes docs/schema: what each command prints with `--json`. A test holds it against the program. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { commands } from '../commands/all.ts';
import { outputSchema } from './json-schema.ts';

const folder = fileURLToPath(new URL('../../docs/schema/', import.meta.url));
await mkdir(folder, { recursive: true });
for (const { name, output } of commands)
  if (output) await writeFile(`${folder}${name}.json`, JSON.stringify(outputSchema(name, output), null, 2));
