/** Longest wait between two looks, seconds: nine days of looks fit into a child's 25,000 events. */
const MOST_SECONDS = 60;

/** 1, 2, 4, … 60 s: short builds are noticed at once, long ones cost few looks. @param looks taken so far */
export const waitSeconds = (looks: number): number => Math.min(MOST_SECONDS, 2 ** Math.min(looks, 6));
