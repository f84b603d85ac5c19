import type pg from 'pg';
import { RecordsRejected } from '../errors.ts';
import { rejectsOf } from '../postgres/ledger.ts';
import { REPAIRABLE } from '../repair/repair-record.ts';

/** Rejects that the error names; the ledger and the store have them all. */
const NAMED = 10;

/** Ends a run whose policy is `fail` and that has rejects. @throws RecordsRejected always */
export async function refuseRejects(client: pg.Client, run: string, rejected: number): Promise<never> {
  const first = await rejectsOf(client, run, NAMED);
  const named = first.map(({ schema, id, reason }) => `${schema} "${id}" (${reason})`);
  const repair = first.some(({ reason }) => REPAIRABLE.includes(reason)) ? ' or repair' : '';
  const more = rejected > named.length ? ` and ${rejected - named.length} more` : '';
  throw new RecordsRejected(
    `${rejected} record${rejected === 1 ? '' : 's'} cannot arrive as they are: ${named.join(', ')}${more}; nothing was published: mend them in Chroma, or go on with --run ${run} --on-reject quarantine${repair}.`,
  );
}
