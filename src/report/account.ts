import type { CollectionReport, RunReport } from './report.ts';

/**
 * `equal`: verification found nothing amiss, both checksums are the same and no record is unaccounted for.
 * `different`: one of these does not hold. `unchecked`: the run ended before it was looked at.
 */
export type Verdict = 'equal' | 'different' | 'unchecked';

export interface Account {
  collection: CollectionReport;
  /** Records in Chroma: when verified, else when planned. */
  source: number;
  /** Records in Postgres; null until they were counted. */
  target: number | null;
  verdict: Verdict;
}

export interface Totals {
  collections: number;
  source: number;
  loaded: number;
  rejected: number;
  /** Of the collections whose records were counted; null if none was. */
  target: number | null;
  verdicts: Record<Verdict, number>;
  published: number;
}

/** What became of a collection's records, decided from the figures and not from a flag alone. */
export function accountOf(collection: CollectionReport): Account {
  const { verification, checksum, loaded, rejected, plan } = collection;
  const source = verification?.records.source ?? plan.records;
  const target = verification?.records.target ?? null;
  const verdict = (): Verdict => {
    if (verification === null || checksum.source === null || checksum.target === null) return 'unchecked';
    const balanced = source === loaded + rejected && target === loaded;
    return verification.verified && balanced && checksum.source === checksum.target ? 'equal' : 'different';
  };
  return { collection, source, target, verdict: verdict() };
}

export function totalsOf(accounts: Account[]): Totals {
  const totals: Totals = {
    collections: accounts.length,
    source: 0,
    loaded: 0,
    rejected: 0,
    target: null,
    verdicts: { equal: 0, different: 0, unchecked: 0 },
    published: 0,
  };
  for (const { collection, source, target, verdict } of accounts) {
    totals.source += source;
    totals.loaded += collection.loaded;
    totals.rejected += collection.rejected;
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
