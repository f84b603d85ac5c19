import type pg from 'pg';
import { isServer } from '../chroma/record-source.ts';
import { RecordsRejected } from '../errors.ts';
import { rejectsOf } from '../postgres/ledger.ts';
import { REPAIRABLE } from '../repair/repair-record.ts';

/** Rejects that the error names; the ledger and the store have them all. */
const NAMED = 10;

/**
 * Ends a run whose policy is `fail` and that has rejects.
 * @param source a server's address, or a place of files, where nothing can be repaired on the way; if it is known
 * @throws RecordsRejected always
 */
export async function refuseRejects(
  client: pg.Client,
  run: string,
  rejected: number,
  source?: string,
): Promise<never> {
  const first = await rejectsOf(client, run, NAMED);
  const named = first.map(({ schema, id, reason }) => `${schema} "${id}" (${reason})`);
  const isFiles = source !== undefined && !isServer(source);
  const isRepairable = !isFiles && first.some(({ reason }) => REPAIRABLE.includes(reason));
  const repair = isRepairable ? ' or repair' : '';
  const where = isFiles ? 'in the files and import them anew' : 'in Chroma';
  const more = rejected > named.length ? ` and ${rejected - named.length} more` : '';
  throw new RecordsRejected(
    `${rejected} record${rejected === 1 ? '' : 's'} cannot arrive as they are: ${named.join(', ')}${more}; nothing was published: mend them ${where}, or go on with --run ${run} --on-reject quarantine${repair}.`,
  );
}
