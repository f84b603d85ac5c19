/** What is said of a build before it begins, held against the builds that were measured (bench/builds.json). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { MeasuredBuild } from '../../bench/measure-build.ts';
import { errorsTable, predicted } from '../../bench/predicted-builds.ts';
import { graphBytes, indexBytes, spillsAfter } from '../../src/index-build/hnsw-size.ts';
import { predictBuild, UNCERTAINTY } from '../../src/index-build/predict-build.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const builds = JSON.parse(read('bench/builds.json')) as MeasuredBuild[];
const of = (...uses: MeasuredBuild['use'][]) => builds.filter(({ use }) => uses.includes(use));
const shapeOf = (build: MeasuredBuild) => ({ ...build, records: build.rows, hnsw: build });
const nameOf = ({ rows, dimension, m, efConstruction, type }: MeasuredBuild) =>
  `${rows} × ${dimension} ${type}, m ${m}, ef_construction ${efConstruction}`;

describe('the prediction of an HNSW build', () => {
  it('was fitted to twelve builds or more, from 10,000 to 300,000 rows and 64 to 1,536 dimensions', () => {
    const fitted = of('fit');
    assert.ok(fitted.length >= 12, `${fitted.length}`);
    for (const [least, most, values] of [
      [10_000, 300_000, fitted.map(({ rows }) => rows)],
      [64, 1536, fitted.map(({ dimension }) => dimension)],
    ] as const) {
      assert.equal(Math.min(...values), least);
      assert.equal(Math.max(...values), most);
    }
  });

  it('is right within 15 percent on builds that it was not fitted to', () => {
    const held = of('held');
    assert.ok(held.length >= 8, `${held.length}`);
    for (const build of held) {
      const { seconds, error } = predicted(build);
      assert.ok(
        Math.abs(error) <= UNCERTAINTY.sameServer,
        `${nameOf(build)}: ${seconds.toFixed(1)} s for ${build.seconds} s`,
      );
    }
  });

  it('says how large the index becomes, within 4 percent', () => {
    for (const build of builds.filter(({ spilledAfter }) => spilledAfter === null)) {
      const error = indexBytes(shapeOf(build)) / build.indexBytes - 1;
      assert.ok(Math.abs(error) <= 0.04, `${nameOf(build)}: ${(100 * error).toFixed(1)} %`);
    }
  });

  it('says how much memory keeps a build from spilling: none did that had 5 percent more', () => {
    const given = builds.filter(({ memoryShare }) => memoryShare >= 1);
    assert.ok(given.length >= 20);
    for (const build of given) assert.equal(build.spilledAfter, null, nameOf(build));
  });

  it('says after how many rows a build spills that has less, never later than it does', () => {
    const spilt = of('spill');
    assert.ok(spilt.length >= 2);
    for (const build of spilt) {
      const rows = spillsAfter(shapeOf(build), 1024 * build.maintenanceKilobytes);
      assert.ok(rows !== null && rows <= build.spilledAfter!, `${nameOf(build)}: ${rows}`);
      assert.ok(rows >= 0.6 * build.spilledAfter!, `${nameOf(build)}: ${rows} for ${build.spilledAfter}`);
    }
  });

  it('says that nothing goes to temporary files, and none did', () => {
    for (const build of builds) assert.equal(build.temporaryBytes, 0, nameOf(build));
  });

  it('grows with everything that makes a build larger', () => {
    const one = { records: 50_000, dimension: 384, hnsw: { m: 16, efConstruction: 100 }, space: 'l2' };
    const larger = [
      { ...one, records: 51_000 },
      { ...one, dimension: 400 },
      { ...one, hnsw: { m: 18, efConstruction: 100 } },
    ];
    for (const other of larger) {
      assert.ok(graphBytes(other) > graphBytes(one));
      assert.ok(indexBytes(other) >= indexBytes(one));
    }
    const seconds = (build: typeof one) =>
      predictBuild({ ...build, efSearch: 40, indexMethod: 'hnsw' } as never, {
        memoryBytes: 2 ** 34,
        processes: 1,
        speed: 1,
      })!.seconds;
    for (const other of [...larger, { ...one, hnsw: { m: 16, efConstruction: 200 } }])
      assert.ok(seconds(other) > seconds(one), JSON.stringify(other));
  });

  it('stands in bench/BUILDS.md as the figures give it', () => {
    assert.ok(
      read('bench/BUILDS.md').includes(errorsTable(builds)),
      `it should hold\n${errorsTable(builds)}`,
    );
  });
});
