import type { CollectionReport, RunReport } from './report.ts';

/**
 * `equal`: verification found nothing amiss, both checksums are the same and no record is unaccounted for.
 * `different`: one of these does not hold. `unchecked`: the run ended before it was looked at.
 */
export type Verdict = 'equal' | 'different' | 'unchecked';

export interface Account {
  collection: CollectionReport;
  /** Records in Chroma: ids that were listed when the run was planned. */
  source: number;
  /** Of these, the ones that neither arrived nor are listed with a reason. */
  unexplained: number;
  /** Records in Postgres; null until they were counted. */
  target: number | null;
  verdict: Verdict;
}

export interface Totals {
  collections: number;
  source: number;
  loaded: number;
  rejected: number;
  vanished: number;
  unexplained: number;
  /** Of the collections whose records were counted; null if none was. */
  target: number | null;
  verdicts: Record<Verdict, number>;
  published: number;
}

/** What became of a collection's records, decided from the figures and not from a flag alone. */
export function accountOf(collection: CollectionReport): Account {
  const { verification, checksum, loaded, rejected, vanished, plan, delta, published } = collection;
  const source = plan.records;
  const unexplained = source - loaded - rejected - vanished;
  const target = verification?.records.target ?? null;
  const verdict = (): Verdict => {
    if (verification === null || checksum.source === null || checksum.target === null) return 'unchecked';
    // Live tables hold what they should only once their update is committed.
    if (delta && !published) return 'unchecked';
    const balanced = unexplained === 0 && target === loaded + (delta?.kept ?? 0);
    return verification.verified && balanced && checksum.source === checksum.target ? 'equal' : 'different';
  };
  return { collection, source, unexplained, target, verdict: verdict() };
}

export function totalsOf(accounts: Account[]): Totals {
  const totals: Totals = {
    collections: accounts.length,
    source: 0,
    loaded: 0,
    rejected: 0,
    vanished: 0,
    unexplained: 0,
    target: null,
    verdicts: { equal: 0, different: 0, unchecked: 0 },
    published: 0,
  };
  for (const { collection, source, unexplained, target, verdict } of accounts) {
    totals.source += source;
    totals.loaded += collection.loaded;
    totals.rejected += collection.rejected;
    totals.vanished += collection.vanished;
    totals.unexplained += unexplained;
    if (target !== null) totals.target = (totals.target ?? 0) + target;
    totals.verdicts[verdict] += 1;
    totals.published += collection.published ? 1 : 0;
  }
  return totals;
}

/** The accounts that a person should look at come first; otherwise the plan's order stays. */
export function accountsByUrgency(report: RunReport): Account[] {
  const urgency = ({ verdict, collection }: Account) =>
    verdict === 'different' ? 0 : collection.rejected > 0 ? 1 : verdict === 'unchecked' ? 2 : 3;
  return report.collections.map(accountOf).sort((a, b) => urgency(a) - urgency(b));
}
