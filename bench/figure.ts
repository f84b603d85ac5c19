/** One row of the table: what the product does, the limit or the peer that was measured beside it, and the goal. */
export interface Figure {
  what: string;
  product: string;
  beside: string;
  ratio: number;
  /** Null where the figure is only shown. */
  goal: { word: string; holds: boolean } | null;
  /** Stands in the README too. */
  headline?: boolean;
}

export const atLeast = (goal: number, ratio: number, times = ''): Figure['goal'] => ({
  word: `≥ ${goal}${times}`,
  holds: ratio >= goal,
});

export const atMost = (goal: number, ratio: number, times = ' ×'): Figure['goal'] => ({
  word: `≤ ${goal}${times}`,
  holds: ratio <= goal,
});

export const count = (number: number): string => number.toLocaleString('en');

export const rate = (records: number, seconds: number): string =>
  `${count(Math.round(records / seconds))} records/s`;

export const duration = (seconds: number): string => `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;

/** The measurements' table in Markdown. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(
    ({ what, product, beside, ratio, goal }) =>
      `| ${what} | ${product} | ${beside} | ${ratio.toFixed(2)} | ${goal ? `${goal.word}${goal.holds ? '' : ' (missed)'}` : ''} |`,
  );
  return ['| | measured | beside it | ratio | goal |', '|---|---|---|---|---|', ...rows].join('\n');
}
