import type { WriteStream } from 'node:tty';

/** One that can move its cursor: an editor's shell, for one, says that it is dumb. */
export const isTerminal = (stream: WriteStream): boolean =>
  Boolean(stream.isTTY) && process.env.TERM !== 'dumb';

/** To the first column, then empty to the end of the screen. */
const CLEAR = '\r\x1b[J';

/**
 * One line of a terminal that is drawn over itself. When the window is made narrower, the terminal breaks the line
 * that stands there into several: all of them are taken away before it is drawn anew, as wide as there is room.
 */
export class TerminalLine {
  readonly #stream: WriteStream;
  readonly #onResize = () => this.#redraw();
  #text: ((columns: number) => string) | null = null;
  /** Characters that stand there now. */
  #width = 0;

  /** null if the stream is no terminal. */
  static on(stream: WriteStream): TerminalLine | null {
    return isTerminal(stream) ? new TerminalLine(stream) : null;
  }

  private constructor(stream: WriteStream) {
    this.#stream = stream;
    // Node asks the terminal for its size when SIGWINCH comes, and then says so.
    stream.on('resize', this.#onResize);
  }

  /** @param text the line for a terminal of so many columns, colours included */
  draw(text: (columns: number) => string): void {
    this.#text = text;
    this.#redraw();
  }

  /** Leaves the cursor on an empty line. */
  stop(): void {
    this.#stream.off('resize', this.#onResize);
    this.#stream.write(this.#erased());
    this.#text = null;
    this.#width = 0;
  }

  #redraw(): void {
    if (!this.#text) return;
    const line = this.#text(this.#columns);
    this.#stream.write(`${this.#erased()}${line}`);
    this.#width = visibleLength(line);
  }

  get #columns(): number {
    return this.#stream.columns || 80;
  }

  #erased(): string {
    const rows = Math.max(1, Math.ceil(this.#width / this.#columns));
    return `${rows > 1 ? `\x1b[${rows - 1}A` : ''}${CLEAR}`;
  }
}

/** Characters that take a column: colours take none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin the colours
export const visibleLength = (text: string): number => text.replaceAll(/\x1b\[[0-9;]*m/g, '').length;
