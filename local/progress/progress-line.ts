import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import type { PhaseView, ProgressSource } from './progress.ts';
import { isTerminal, TerminalLine } from './terminal-line.ts';

/** A terminal's line is drawn anew so often; a pipe gets a line so seldom. Milliseconds. */
const REDRAW = 200;
const PLAIN_LINE = 5000;

const NAMES: Record<PhaseView['phase'], string> = {
  plan: 'Planning',
  prepare: 'Preparing',
  read: 'Reading',
  export: 'Exporting',
  import: 'Importing',
  migrate: 'Migrating',
  index: 'Indexing',
  verify: 'Verifying',
  publish: 'Publishing',
  report: 'Reporting',
};

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** The phase in one line, at most `columns` wide. */
export function progressLine(view: PhaseView, columns = Number.POSITIVE_INFINITY): string {
  const { total, done, unit, rate, secondsLeft, exported, detail, index } = view;
  const parts = [NAMES[view.phase].padEnd(10)];
  if (total > 0)
    parts.push(`${number.format(done)} of ${number.format(total)} ${unit} (${percent(done / total)})`);
  const speed = rate && paceOf(rate);
  if (speed) parts.push(speed);
  if (secondsLeft !== null) parts.push(left(secondsLeft));
  if (detail) parts.push(printable(detail));
  if (index) parts.push(percent(index.percent / 100));
  if (index && index.secondsLeft !== null) parts.push(left(index.secondsLeft));
  const line = parts.join('  ').trimEnd();
  // What goes ahead is worth its place only where there is room.
  if (exported) return withExported(line, exported, columns);
  return line.length < columns ? line : cut(line, columns);
}

/** Cells of the bar. */
const BAR_CELLS = 20;
/** Below this many columns the words have need of all of them. */
const BAR_COLUMNS = 72;

/** The same line with a bar before it where there is room; in colours if the stream shows any (NO_COLOR: none). */
export function barLine(view: PhaseView, columns: number, stream: WriteStream): string {
  const share = view.index ? view.index.percent / 100 : view.total > 0 ? view.done / view.total : null;
  if (share === null || columns < BAR_COLUMNS) return progressLine(view, columns);
  const full = Math.max(0, Math.min(BAR_CELLS, Math.round(share * BAR_CELLS)));
  const paint = (text: string, colour: 'cyan' | 'gray') =>
    text === '' ? '' : styleText(colour, text, { stream, validateStream: true });
  const bar = `${paint('█'.repeat(full), 'cyan')}${paint('░'.repeat(BAR_CELLS - full), 'gray')}`;
  return `${bar}  ${progressLine(view, columns - BAR_CELLS - 2)}`;
}

function withExported(
  line: string,
  { share, rate }: { share: number; rate: number | null },
  columns: number,
): string {
  const short = `${line}  exported ${percent(share)}`;
  const long = rate && rate >= 1 ? `${short} ${perSecond(rate)}` : short;
  return [long, short, line].find((one) => one.length < columns) ?? cut(line, columns);
}

const cut = (line: string, columns: number) => `${line.slice(0, Math.max(0, columns - 2))}…`;

const percent = (share: number) => `${Math.floor(share * 100)} %`;
const perSecond = (rate: number) => `${number.format(rate)}/s`;
/** A second, or a minute where that is less than one. Null for less than one a minute. */
const paceOf = (rate: number) =>
  rate >= 1 ? perSecond(rate) : rate * 60 >= 1 ? `${number.format(rate * 60)}/min` : null;
const left = (seconds: number) => `${duration(seconds)} left`;

/** 95 → `1 min 35 s` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Names come from outside: a terminal must not take them for commands. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '�');

/** The same of a text of several lines. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/**
 * Shows the progress on standard error: one line that changes in a terminal, a plain line now and then in a
 * pipe. `stop` leaves the cursor on an empty line.
 */
export class ProgressDisplay {
  readonly #progress: ProgressSource;
  readonly #stream: WriteStream;
  readonly #timer: NodeJS.Timeout;
  readonly #line: TerminalLine | null;
  #lastPlain = 0;
  #lastPhase = '';

  constructor(progress: ProgressSource, stream: WriteStream = process.stderr) {
    this.#progress = progress;
    this.#stream = stream;
    this.#line = TerminalLine.on(stream);
    this.#timer = setInterval(() => this.#draw(), REDRAW);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#line?.stop();
  }

  #draw(): void {
    const view = this.#progress.view(Date.now());
    if (this.#line) {
      this.#line.draw((columns) => barLine(view, columns, this.#stream));
      return;
    }
    const due = Date.now() - this.#lastPlain >= PLAIN_LINE;
    if (!due && view.phase === this.#lastPhase) return;
    this.#lastPlain = Date.now();
    this.#lastPhase = view.phase;
    this.#stream.write(`${progressLine(view)}\n`);
  }
}

/** A line of its own on standard error, over the progress if that is shown there. */
export function writeLine(text: string): void {
  process.stderr.write(`${isTerminal(process.stderr) ? CLEAR_LINE : ''}${printable(text)}\n`);
}

/** To the first column, then empty to the last. */
const CLEAR_LINE = '\r\x1b[K';
