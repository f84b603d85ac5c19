import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import { Progress } from '../../local/progress/progress.ts';
import { ProgressDisplay, progressLine } from '../../local/progress/progress-line.ts';

const planned = { message: 'planned', records: 1000, collections: 1 };
const part = (phase: string, shard: number, records: number) => ({
  ...{ message: 'progress', phase, schema: 'docs', shard, records },
});
const imported = (shard: number, records: number, skipped = false) => ({
  ...{ message: 'shard imported', schema: 'docs', shard, records, skipped },
});

/** Logs one line a second. */
function follow(progress: Progress, lines: Record<string, unknown>[]): void {
  lines.forEach((line, second) => {
    progress.log(line, second * 1000);
  });
}

describe('the progress', () => {
  it('tells records of total, rate and time left', () => {
    const progress = new Progress();
    follow(progress, [planned, part('import', 0, 0), part('import', 0, 100), part('import', 0, 200)]);
    const { done, total, rate, secondsLeft } = progress.view(3000);
    assert.deepEqual(
      { done, total, rate, secondsLeft },
      { done: 200, total: 1000, rate: 100, secondsLeft: 8 },
    );
    assert.equal(
      progressLine(progress.view(3000)),
      'Importing   200 of 1,000 records (20 %)  100/s  8 s left  exported 0 %',
    );
  });

  it('tells how many collections of an estate are planned, prepared or published', () => {
    const progress = new Progress();
    const seen = (collections: number) => ({ message: 'progress', phase: 'plan', collections, of: 10_000 });
    assert.equal(progressLine(progress.view(0)), 'Planning');
    follow(progress, [seen(100), seen(200), seen(300)]);
    assert.equal(
      progressLine(progress.view(2000)),
      'Planning    300 of 10,000 collections (3 %)  100/s  1 min 37 s left',
    );
    progress.log({ message: 'planned', records: 500_000, collections: 10_000 }, 2000);
    progress.state('PrepareDatabase');
    assert.equal(progressLine(progress.view(2000)), 'Preparing');
    progress.log({ message: 'progress', phase: 'prepare', collections: 50, of: 10_000 }, 2000);
    assert.equal(progressLine(progress.view(2000)), 'Preparing   50 of 10,000 collections (0 %)');
    progress.state('Publish');
    assert.equal(progressLine(progress.view(2000)), 'Publishing');
  });

  it('tells how far the export is while records are imported', () => {
    const progress = new Progress();
    follow(progress, [planned, part('export', 0, 300), part('import', 0, 100), part('export', 1, 300)]);
    const { phase, done, exported } = progress.view(3000);
    assert.deepEqual([phase, done, exported?.share], ['import', 100, 0.6]);
  });

  it('never falls when a shard is tried again', () => {
    const progress = new Progress();
    const seen: number[] = [];
    const lines = [
      planned,
      part('import', 0, 300),
      part('import', 0, 10),
      part('import', 0, 310),
      imported(0, 400),
    ];
    lines.forEach((line, second) => {
      progress.log(line, second * 1000);
      const view = progress.view(second * 1000);
      seen.push(view.done);
      assert.ok((view.rate ?? 0) >= 0);
    });
    assert.deepEqual(seen, [0, 300, 300, 310, 400]);
  });

  it('takes no speed from shards that an earlier run has done', () => {
    const progress = new Progress();
    follow(progress, [planned, imported(0, 500, true), part('import', 1, 0), part('import', 1, 10)]);
    const { done, rate } = progress.view(3000);
    assert.deepEqual([done, rate], [510, 10]);
  });

  it('tells no rate and no time of what stands still', () => {
    const progress = new Progress();
    follow(progress, [planned, part('import', 0, 100), part('import', 0, 200)]);
    const { rate, secondsLeft } = progress.view(60_000);
    assert.deepEqual([rate, secondsLeft], [0, null]);
  });

  it('tells the percentage of an index', () => {
    const progress = new Progress();
    const build = (percent: number) => ({
      message: 'progress',
      phase: 'index',
      schema: 'docs',
      index: 'hnsw',
      percent,
    });
    follow(progress, [planned, build(10), build(20), build(30)]);
    assert.equal(
      progressLine(progress.view(3000)),
      'Indexing    0 of 1 collections (0 %)  docs.hnsw  30 %  7 s left',
    );
  });

  it('fits the terminal, however narrow', () => {
    const progress = new Progress();
    follow(progress, [planned, part('import', 0, 0), part('import', 0, 100), part('import', 0, 200)]);
    for (const columns of [120, 80, 40, 10, 1])
      assert.ok(progressLine(progress.view(3000), columns).length < Math.max(2, columns));
  });

  it('draws one line anew on a terminal, as wide as that is by then, and plain lines on a pipe', async (context) => {
    const terminal = screen({ isTTY: true, columns: 200 });
    const pipe = screen({ isTTY: false });
    const progress = new Progress();
    follow(progress, [planned, part('import', 0, 100)]);
    context.mock.timers.enable({ apis: ['setInterval'] });
    const displays = [
      new ProgressDisplay(progress, terminal.stream),
      new ProgressDisplay(progress, pipe.stream),
    ];
    context.mock.timers.tick(500);
    Object.assign(terminal.stream, { columns: 20 });
    context.mock.timers.tick(500);
    for (const display of displays) display.stop();
    // What was written is handed on.
    await turn();
    const drawn = terminal.text().split('\r\x1b[J').slice(1);
    assert.ok(drawn.length >= 4 && !terminal.text().includes('\n'));
    assert.ok(drawn[0]!.length > 20 && drawn.at(-2)!.length < 20);
    assert.match(pipe.text(), /^Importing {3}100 of 1,000 records \(10 %\)[^\p{Cc}]*\n$/u);
  });
});

function screen(kind: { isTTY: boolean; columns?: number }) {
  const chunks: string[] = [];
  const stream = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return { stream: Object.assign(stream, kind) as unknown as WriteStream, text: () => chunks.join('') };
}
