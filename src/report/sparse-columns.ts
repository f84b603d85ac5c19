import type { CollectionReport } from './report.ts';

/** Records that a note names. */
const NAMED = 10;

/** A vector that no sparsevec can hold is in the metadata, and not where searches look for it. */
export const outsideOfSparseColumns = ({ plan: { collection }, verification }: CollectionReport): string[] =>
  (verification?.sparseColumns ?? []).flatMap(
    ({ key, column, dimension, filled, leftOut: { count, ids } }) => {
      const named = ids.slice(0, NAMED).map((id) => JSON.stringify(id));
      const more = count > named.length ? ' and others' : '';
      if (count > 0)
        return `${count} ${count === 1 ? 'record' : 'records'} of collection "${collection}" (${named.join(', ')}${more}) hold something under "${key}" that is no sparse vector of ${dimension.toLocaleString('en')} dimensions: it is in the metadata, and column "${column}" is null.`;
      return filled > 0 || verification?.records.target === 0
        ? []
        : `No record of collection "${collection}" holds a sparse vector under "${key}": column "${column}" is null throughout.`;
    },
  );
