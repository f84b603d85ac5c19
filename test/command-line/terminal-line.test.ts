import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { barLine } from '../../local/progress/progress-line.ts';
import { TerminalLine, visibleLength } from '../../local/progress/terminal-line.ts';

const terminal = (columns: number, isTTY = true) =>
  Object.assign(new PassThrough(), {
    isTTY,
    columns,
    getColorDepth: WriteStream.prototype.getColorDepth,
  }) as unknown as WriteStream;

/** What stands on a terminal of so many columns that breaks long lines, after these bytes. */
function screen(bytes: string, columns: number): string[] {
  const rows: string[] = [''];
  let row = 0;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal reads them
  for (const [part, up] of bytes.matchAll(/\x1b\[(\d+)A|\x1b\[J|\x1b\[[\d;]*m|\r|[\s\S]/g)) {
    if (up) row = Math.max(0, row - Number(up));
    else if (part === '\r') column = 0;
    else if (part === '\x1b[J') {
      rows.length = row + 1;
      rows[row] = rows[row]!.slice(0, column);
    } else if (!part.startsWith('\x1b')) {
      if (column === columns) [row, column] = [row + 1, 0];
      rows[row] = (rows[row] ?? '').slice(0, column) + part;
      column++;
    }
  }
  return rows;
}

describe('a line that is drawn over itself', () => {
  it('stays one line when the window is made narrower', () => {
    const stream = terminal(60);
    const line = TerminalLine.on(stream)!;
    line.draw((columns) => 'x'.repeat(columns - 1));
    const before = String(stream.read());
    // The terminal breaks the 59 characters that stand there into three rows of 25.
    Object.assign(stream, { columns: 25 });
    stream.emit('resize');
    const after = String(stream.read());
    assert.deepEqual(screen(before + after, 25), ['x'.repeat(24)]);
    line.stop();
    assert.deepEqual(screen(before + after + String(stream.read()), 25), ['']);
  });

  it('is as wide as a window that was made wider, at once', () => {
    const stream = terminal(30);
    const line = TerminalLine.on(stream)!;
    line.draw((columns) => 'x'.repeat(columns - 1));
    stream.read();
    Object.assign(stream, { columns: 50 });
    stream.emit('resize');
    assert.ok(String(stream.read()).endsWith('x'.repeat(49)));
    line.stop();
    assert.equal(stream.listenerCount('resize'), 0);
  });

  it('is not drawn into a pipe', () => {
    assert.equal(TerminalLine.on(terminal(80, false)), null);
  });
});

describe('the bar', () => {
  const view = {
    ...{ phase: 'import' as const, done: 500, total: 1000, unit: 'records' as const, rate: 100 },
    ...{ secondsLeft: 5, exported: null, detail: null, index: null },
  };

  it('is half full at half of the work, and never wider than the window', () => {
    const line = barLine(view, 80, terminal(80));
    assert.ok(stripVTControlCharacters(line).startsWith(`${'█'.repeat(10)}${'░'.repeat(10)}  Importing`));
    for (let columns = 10; columns < 140; columns++)
      assert.ok(visibleLength(barLine(view, columns, terminal(columns))) < columns, `${columns}`);
  });

  it('has no colours where NO_COLOR asks for none', () => {
    const before = { ...process.env };
    try {
      process.env.TERM = 'xterm';
      for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS', 'CI']) delete process.env[name];
      assert.ok(barLine(view, 80, terminal(80)).includes('\x1b['));
      process.env.NO_COLOR = '1';
      assert.ok(!barLine(view, 80, terminal(80)).includes('\x1b'));
    } finally {
      process.env = before;
    }
  });
});
