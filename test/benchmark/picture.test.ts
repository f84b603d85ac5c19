import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { benchmarkHtml, benchmarkSvg } from '../../local/benchmark/picture.ts';
import { benchmarkRows, ratioText } from '../../local/benchmark/rows.ts';
import { bodyText, parsePage } from '../report/page.ts';
import { sampleBenchmark } from './sample.ts';

const row = (metric: string, benchmark = sampleBenchmark()) =>
  benchmarkRows(benchmark).find((one) => one.metric === metric)!;

describe('the guide’s table, measured', () => {
  it('has every line of the guide, and a ratio over 1 only where Postgres is better', () => {
    assert.deepEqual(
      benchmarkRows(sampleBenchmark()).map(({ metric, ratio }) => [metric, ratioText(ratio)]),
      [
        ['Search latency (p50)', '4×'],
        ['Search latency (p95)', '0.5×'],
        ['Search latency (p99)', '0.5×'],
        ['Queries a second, 1 client', '4×'],
        ['Queries a second, 10 clients', '6.67×'],
        ['Queries a second, 50 clients', '7.5×'],
        ['Recall@10', ''],
        ['Storage', '1.5×'],
        ['Backup', ''],
        ['Restore', ''],
      ],
    );
  });

  it('says plainly what was not measured, and why', () => {
    const reason = 'There is no pg_dump on this machine.';
    const benchmark = sampleBenchmark({
      storage: { postgres: { dataBytes: 1, indexBytes: 1 }, chroma: null },
      backup: { tool: null, dumpSeconds: null, dumpBytes: null, restoreSeconds: null, reason },
    });
    assert.equal(row('Storage', benchmark).chroma, 'its API does not say');
    assert.equal(row('Storage', benchmark).ratio, null);
    for (const metric of ['Backup', 'Restore'])
      assert.deepEqual(
        [row(metric, benchmark).postgres, row(metric, benchmark).note],
        ['not measured', reason],
      );
  });

  it('admits where the program that asked was the limit', () => {
    const benchmark = sampleBenchmark();
    benchmark.throughput[2]!.postgres.clientLoad = 0.97;
    assert.match(row('Queries a second, 50 clients', benchmark).note!, /limit/);
    assert.equal(row('Queries a second, 1 client', benchmark).note, null);
  });
});

describe('the picture', () => {
  it('is as long as its figures are large', () => {
    const bars = [...benchmarkSvg(sampleBenchmark()).matchAll(/class="(a|b) mark".*?width="([\d.]+)"/g)];
    assert.equal(bars.length, 12);
    const [, , , postgres95, , postgres99] = bars.map(([, , width]) => Number(width));
    assert.ok(Math.abs(postgres95! / postgres99! - 40 / 62) < 0.01);
  });

  it('is a whole page with its table, needs no other address, and escapes what is from outside', () => {
    const page = benchmarkHtml(sampleBenchmark());
    const elements = parsePage(page);
    for (const { name, attributes } of elements) {
      assert.ok(!['script', 'link', 'img', 'iframe'].includes(name), name);
      assert.ok(!attributes.has('src') && !attributes.has('href'));
    }
    assert.match(bodyText(page), /“support <tickets>”/);
    assert.match(bodyText(page), /Recall@10.*0\.988.*0\.992/);
  });
});
