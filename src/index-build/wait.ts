/** How far a build is that is under way. */
export interface BuildProgress {
  /** null where the server does not say, as at the end of a graph's build, when it is written down. */
  percent: number | null;
  /** For so long it has gone on. */
  seconds: number;
}

/** Longest wait for a turn, and for a build of less than an hour, seconds. */
const MOST_SECONDS = 60;
/** Longest wait for a build of five hours and more, seconds. */
const MOST_SECONDS_LONG = 300;
/** An end is noticed late by no more than this share of the build, or by a second. */
const LATE = 1 / 60;
/** The same of a build of less than eight minutes of which nobody knows how far it is. */
const LATE_UNTOLD = 1 / 8;

/**
 * 1, 2, 4, … 60 s: short builds are noticed at once, long ones cost few looks. Of a build that is under way, no longer
 * than half of what seems to be left of it: what comes next shall not wait for a look. From an hour on the waits grow
 * with the build, so that one of a week is 2,200 looks.
 *
 * @param looks taken so far
 */
export function waitSeconds(looks: number, build: BuildProgress | null = null): number {
  const grown = Math.min(MOST_SECONDS, 2 ** Math.min(looks, 6));
  if (!build) return grown;
  const { seconds, percent } = build;
  const late = seconds * LATE;
  if (late > MOST_SECONDS) return Math.ceil(Math.min(MOST_SECONDS_LONG, late));
  const advised = percent ? Math.max(late, (seconds * (100 - percent)) / percent / 2) : seconds * LATE_UNTOLD;
  return Math.max(1, Math.min(grown, Math.ceil(advised)));
}
