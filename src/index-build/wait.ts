/** How far a build is that is under way. */
export interface BuildProgress {
  /** null where the server does not say. */
  percent: number | null;
  /** For so long it has gone on. */
  seconds: number;
}

/** Longest wait between two looks, seconds: nine days of looks fit into a child's 25,000 events. */
const MOST_SECONDS = 60;
/** An end is noticed late by no more than this share of the build, or by a second. */
const LATE = 1 / 60;

/**
 * 1, 2, 4, … 60 s: short builds are noticed at once, long ones cost few looks. Where the server says how far a build is,
 * no longer than half of what seems to be left of it: a build's end is no reason to wait for the next look.
 *
 * @param looks taken so far
 */
export function waitSeconds(looks: number, build: BuildProgress | null = null): number {
  const grown = Math.min(MOST_SECONDS, 2 ** Math.min(looks, 6));
  if (!build?.percent) return grown;
  const left = (build.seconds * (100 - build.percent)) / build.percent;
  return Math.min(grown, Math.max(1, Math.ceil(build.seconds * LATE), Math.ceil(left / 2)));
}
