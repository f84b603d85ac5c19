import type { WriteStream } from 'node:tty';
import type { PhaseView, Progress } from './progress.ts';

/** A terminal's line is drawn anew so often; a pipe gets a line so seldom. Milliseconds. */
const REDRAW = 200;
const PLAIN_LINE = 5000;

const NAMES: Record<PhaseView['phase'], string> = {
  plan: 'Planning',
  export: 'Exporting',
  import: 'Importing',
  index: 'Indexing',
  verify: 'Verifying',
  publish: 'Publishing',
  report: 'Reporting',
};

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** The phase in one line, at most `columns` wide. */
export function progressLine(view: PhaseView, columns = Number.POSITIVE_INFINITY): string {
  const parts = [NAMES[view.phase].padEnd(10)];
  if (view.total > 0 && ['export', 'import', 'index', 'verify'].includes(view.phase)) {
    const percent = Math.floor((view.done / view.total) * 100);
    parts.push(`${number.format(view.done)} of ${number.format(view.total)} ${view.unit} (${percent} %)`);
  }
  if (view.rate) parts.push(`${number.format(view.rate)}/s`);
  if (view.secondsLeft !== null) parts.push(`${duration(view.secondsLeft)} left`);
  if (view.detail) parts.push(printable(view.detail));
  const line = parts.join('  ');
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
}

/** 95 → `1 min 35 s` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Names come from outside: a terminal must not take them for commands. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '�');

/**
 * Shows the progress on standard error: one line that changes in a terminal, a plain line now and then in a
 * pipe. `stop` leaves the cursor on an empty line.
 */
export class ProgressDisplay {
  readonly #progress: Progress;
  readonly #stream: WriteStream;
  readonly #timer: NodeJS.Timeout;
  #lastPlain = 0;
  #lastPhase = '';

  constructor(progress: Progress, stream: WriteStream = process.stderr) {
    this.#progress = progress;
    this.#stream = stream;
    this.#timer = setInterval(() => this.#draw(), REDRAW);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }

  #draw(): void {
    const view = this.#progress.view(Date.now());
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${progressLine(view, this.#stream.columns)}`);
      return;
    }
    const due = Date.now() - this.#lastPlain >= PLAIN_LINE;
    if (!due && view.phase === this.#lastPhase) return;
    this.#lastPlain = Date.now();
    this.#lastPhase = view.phase;
    this.#stream.write(`${progressLine(view)}\n`);
  }
}
