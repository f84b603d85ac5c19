/** `bench` as a person uses it: both servers, a real backup and restore, and nothing left behind. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { benchOutput } from '../../local/output/schemas.ts';
import type { Benchmark } from '../../src/benchmark/benchmark.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startTarget, type TestTarget } from '../postgres/target-run.ts';

describe('bench', () => {
  let chroma: TestChroma;
  let target: TestTarget;
  let folder: string;
  before(async () => {
    [chroma, target] = await Promise.all([startTestChroma(), startTarget()]);
    folder = await temporaryFolder('bench-');
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: 400 });
    const { code, stderr } = await runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', target.url, '--store', folder],
    ]);
    assert.equal(code, 0, stderr);
  });
  after(() => Promise.all([chroma?.stop(), target?.stop()]));

  const bench = (...args: string[]) =>
    runCommand([
      ...['bench', '--source', chroma.url, '--target', target.url, '--seconds', '1', '--queries', '20'],
      ...args,
    ]);

  it('fills every line of the guide’s table with what it measured, and leaves no database behind', async () => {
    const picture = join(folder, 'bench.svg');
    const { code, stdout, stderr } = await bench(
      '--source-folder',
      chroma.folder,
      '--output',
      picture,
      '--json',
    );
    assert.equal(code, 0, stderr);
    const measured = JSON.parse(stdout) as Benchmark;
    assertPublished(benchOutput, measured);
    for (const side of ['chroma', 'postgres'] as const) {
      const { searches, p50, p95, p99 } = measured.latency[side];
      assert.equal(searches, 60);
      assert.ok(p50 > 0 && p50 <= p95 && p95 <= p99);
      assert.deepEqual(
        measured.throughput.map((level) => level[side].clients),
        [1, 10, 50],
      );
      for (const level of measured.throughput) assert.ok(level[side].searches >= level[side].clients);
      assert.ok(measured.recall[side]! > 0.9);
    }
    assert.ok(measured.storage.chroma!.bytes > 400 * 64 * 4);
    assert.ok(measured.storage.postgres.dataBytes > 400 * 64 * 4);
    const { dumpSeconds, dumpBytes, restoreSeconds, reason } = measured.backup;
    assert.equal(reason, null);
    assert.ok(dumpSeconds! > 0 && dumpBytes! > 10_000 && restoreSeconds! > 0);
    assert.match(await readFile(picture, 'utf8'), /^<svg [\s\S]*<\/svg>\n$/);
    const left = `select datname from pg_database where datname like 'chroma_to_pgvector_bench%'`;
    assert.deepEqual(await target.rows(left), []);
  });

  it('names the collections that there are, if it is asked for another', async () => {
    const { code, stderr } = await bench('--collection', 'dogs', '--backup', 'none');
    assert.equal(code, 1);
    assert.match(stderr, /no migrated collection or schema "dogs": it has docs\./);
  });
});
