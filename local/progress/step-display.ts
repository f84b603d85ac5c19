import type { WriteStream } from 'node:tty';
import { TerminalLine } from './terminal-line.ts';

/** Milliseconds between two drawings of a terminal's line. */
const REDRAW = 100;

/** Shows a step and how far it is: a line that changes in a terminal, a plain line a step in a pipe. */
export class StepDisplay {
  readonly #stream: WriteStream;
  readonly #line: TerminalLine | null;
  #last = '';
  #drawn = 0;

  constructor(stream: WriteStream = process.stderr) {
    this.#stream = stream;
    this.#line = TerminalLine.on(stream);
  }

  show(step: string, share: number): void {
    const isNew = step !== this.#last;
    this.#last = step;
    if (!this.#line) {
      if (isNew) this.#stream.write(`Measuring  ${step}\n`);
      return;
    }
    if (!isNew && Date.now() - this.#drawn < REDRAW) return;
    this.#drawn = Date.now();
    this.#line.draw(() => `Measuring  ${step}  ${Math.floor(share * 100)} %`);
  }

  stop(): void {
    this.#line?.stop();
  }
}
