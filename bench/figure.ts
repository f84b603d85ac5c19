/** One row of the table: what the product does, the limit or the peer that was measured beside it, and the goal. */
export interface Figure {
  what: string;
  product: string;
  beside: string;
  ratio: number;
  /** Null where the figure is only shown. */
  goal: { word: string; holds: boolean } | null;
}

export const atLeast = (goal: number, ratio: number, times = ''): Figure['goal'] => ({
  word: `≥ ${goal}${times}`,
  holds: ratio >= goal,
});

export const rate = (records: number, seconds: number): string =>
  `${Math.round(records / seconds).toLocaleString('en')} records/s`;

export const duration = (seconds: number): string => `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;

/** The measurements' table in Markdown. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(
    ({ what, product, beside, ratio, goal }) =>
      `| ${what} | ${product} | ${beside} | ${ratio.toFixed(2)} | ${goal ? `${goal.word}${goal.holds ? '' : ' (missed)'}` : ''} |`,
  );
  return ['| | measured | beside it | ratio | goal |', '|---|---|---|---|---|', ...rows].join('\n');
}
