import type { ChromaCollection } from '../chroma/chroma-source.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import { CollectionNotFound, InvalidInput } from '../errors.ts';
import type { MigrationInput } from '../migration-input.ts';
import { schemaNameProblem, schemaNames } from './schema-name.ts';

export interface SelectedCollection {
  collection: ChromaCollection;
  schema: string;
}

/**
 * The collections that were asked for, each with its target schema. Schema names are made over all that the
 * databases hold, so that asking for fewer does not rename any.
 *
 * @throws CollectionNotFound naming all that are missing @throws InvalidInput
 */
export async function selectCollections(
  chroma: RecordSource,
  options: MigrationInput,
): Promise<SelectedCollection[]> {
  const listed = await listCollections(chroma, options);
  const names = schemaNames(
    listed.map(({ tenant, database, name }) => ({ tenant, database, collection: name })),
  );
  const all = listed.map((collection, index) => ({ collection, schema: names[index] as string }));
  const asked = options.collections && new Set(options.collections);
  const selected = asked ? all.filter(({ collection }) => asked.has(collection.name)) : all;
  if (asked) failOnMissing(chroma, asked, all);
  if (selected.length === 0)
    throw new CollectionNotFound(
      `Chroma at ${chroma.origin} holds no collection: check the address, the tenant and the database.`,
    );
  return options.schema === undefined ? selected : [withSchema(options.schema, selected)];
}

async function listCollections(chroma: RecordSource, options: MigrationInput): Promise<ChromaCollection[]> {
  const tenants = options.tenants ?? [await chroma.ownTenant()];
  const listed: ChromaCollection[] = [];
  for (const tenant of tenants) {
    const databases = await chroma.databases(tenant);
    const missing = (options.databases ?? []).filter((database) => !databases.includes(database));
    if (missing.length > 0)
      throw new CollectionNotFound(
        `Tenant "${tenant}" has no database ${quoted(missing)}: it has ${quoted(databases) || 'none'}.`,
      );
    for (const database of options.databases ?? databases)
      listed.push(...(await chroma.collections(tenant, database)));
  }
  // Servers list by name or by age, depending on their release.
  return listed.sort(
    (a, b) => compare(a.tenant, b.tenant) || compare(a.database, b.database) || compare(a.name, b.name),
  );
}

function failOnMissing(chroma: RecordSource, asked: Set<string>, all: SelectedCollection[]): void {
  const present = new Set(all.map(({ collection }) => collection.name));
  const missing = [...asked].filter((name) => !present.has(name));
  if (missing.length === 0) return;
  const some = [...present].slice(0, 10);
  const more = present.size > some.length ? ` and ${present.size - some.length} more` : '';
  throw new CollectionNotFound(
    `Chroma at ${chroma.origin} has no collection ${quoted(missing)}: it has ${some.length > 0 ? quoted(some) + more : 'none'}.`,
  );
}

function withSchema(schema: string, selected: SelectedCollection[]): SelectedCollection {
  const [only, second] = selected;
  if (second || !only)
    throw new InvalidInput(
      `A schema can be named for exactly one collection, and ${selected.length} are asked for: name one with --collections.`,
    );
  const problem = schemaNameProblem(schema);
  if (problem) throw new InvalidInput(`The schema "${schema}" ${problem}: choose another with --schema.`);
  return { ...only, schema };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');
