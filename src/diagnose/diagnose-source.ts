import type { RecordSource } from '../chroma/record-source.ts';
import { MigrationInput } from '../migration-input.ts';
import { selectCollections } from '../plan/select-collections.ts';
import type { Finding } from './diagnose-database.ts';

/** Looks whether a Chroma server answers, and what it holds. Reads only. */
export async function diagnoseSource(chroma: RecordSource): Promise<Finding[]> {
  try {
    const version = await chroma.version();
    const found: Finding[] = [
      {
        check: 'connection',
        state: 'good',
        said: `Chroma ${version} at ${chroma.origin} answers`,
        remedy: null,
      },
    ];
    for (const { collection } of await selectCollections(chroma, MigrationInput.parse({}))) {
      const records = await chroma.count({ ...collection, collectionId: collection.id });
      const said = `"${collection.name}" holds ${records.toLocaleString('en')} records`;
      found.push({ check: 'collection', state: 'good', said, remedy: null });
    }
    return found;
  } catch (error) {
    const said = (error as Error).message;
    const end = said.lastIndexOf(': ');
    return [
      {
        check: 'connection',
        state: 'wrong',
        said: said.slice(0, end),
        remedy: said.slice(end + 2).replace(/\.$/, ''),
      },
    ];
  }
}
