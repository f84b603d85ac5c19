import type { CollectionPlan, LayoutName } from '../contract.ts';
import { InvalidInput } from '../errors.ts';

/** Whose searches a layout is for, where they are not our own. */
const LIBRARIES: Partial<Record<LayoutName, string>> = { langchain: 'LangChain', llamaindex: 'LlamaIndex' };

/** Most dimensions of an index on the vectors themselves, which is all that the libraries' searches ask for. */
const MOST_VECTOR = 2000;

/** @throws InvalidInput where the library could not reach the schema */
export function checkLayout({ layout, schema }: Pick<CollectionPlan, 'layout' | 'schema'>): void {
  if (layout === 'llamaindex' && !/^[a-z_][a-z0-9_]*$/.test(schema))
    throw new InvalidInput(
      `LlamaIndex reaches no schema "${schema}": name one with --schema of lower-case letters, digits and _ alone.`,
    );
}

/** What the library of the layout will do otherwise than Chroma did. */
export function layoutWarnings({ layout, collection, dimension, space }: CollectionPlan): string[] {
  const library = LIBRARIES[layout];
  if (library === undefined || dimension === null) return [];
  const warnings: string[] = [];
  if (dimension > MOST_VECTOR)
    warnings.push(
      `Collection "${collection}" has ${dimension} dimensions, more than an index of whole vectors holds (2,000): ${library} reads the whole table for each search, search_nearest does not.`,
    );
  if (layout === 'langchain' && space !== 'cosine')
    warnings.push(
      `Collection "${collection}" is of space ${space} and LangChain searches by cosine distance unless it is told otherwise: pass its distance strategy (docs/layouts.md).`,
    );
  if (layout === 'llamaindex' && space !== 'cosine')
    warnings.push(
      `Collection "${collection}" is of space ${space} and LlamaIndex searches by cosine distance alone: its order is another unless all vectors are of one length; an index for each of both is built.`,
    );
  return warnings;
}
