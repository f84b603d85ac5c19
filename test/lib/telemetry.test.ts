import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { aboutOf } from '../../lambdas/step.ts';
import { buildAll } from '../../local/build.ts';

/** What X-Ray takes: of it, what is asserted. */
interface Segment {
  trace_id: string;
  parent_id: string;
  annotations: Record<string, unknown>;
  cause: { exceptions: { type: string }[] };
}

/** CloudWatch's embedded metric format. */
interface Figure {
  _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: unknown[] }[] };
  service: string;
  run: string;
  ChromaAnswer: number;
}

interface Observed {
  /** JSON lines of both outputs. */
  lines: Record<string, unknown>[];
  /** What X-Ray's daemon was sent. */
  segments: Segment[];
}

/** Runs the bundled plan against a Chroma that knows nothing, so that it asks once and fails. */
async function failingPlan(environment: (daemon: string) => Record<string, string>): Promise<Observed> {
  const { assembly } = await buildAll();
  const [bundle] = globSync(join(assembly, 'asset.*', 'plan.mjs'));
  const segments: Segment[] = [];
  const daemon = createSocket('udp4').bind(0, '127.0.0.1');
  daemon.on('message', (message) => segments.push(JSON.parse(message.toString().split('\n')[1]!)));
  await once(daemon, 'listening');
  const chroma = createServer((_, answer) => answer.writeHead(404).end('{}')).listen(0, '127.0.0.1');
  await once(chroma, 'listening');
  const call = `const { handler } = await import(${JSON.stringify(bundle)});
    await handler({ execution: 'execution-1', input: { run: 'nightly' } }).catch(() => undefined);`;
  const env = {
    STORE_URL: join(tmpdir(), 'no-such-store'),
    CHROMA_URL: `http://127.0.0.1:${(chroma.address() as AddressInfo).port}`,
    POWERTOOLS_SERVICE_NAME: 'plan',
    POWERTOOLS_METRICS_NAMESPACE: 'ChromaToPgvector/Test',
    ...environment(`127.0.0.1:${daemon.address().port}`),
  };
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', call],
    { env },
  );
  const lines = `${stdout}${stderr}`.trim().split('\n');
  daemon.close();
  chroma.close();
  return { lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), segments };
}

const TRACE = '1-5e1b4151-5ac6c58f5b9dfa3a2a2d8a3b';

describe('a function on Lambda', () => {
  let observed: Observed;
  before(async () => {
    observed = await failingPlan((daemon) => ({
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: '/var/task',
      AWS_XRAY_DAEMON_ADDRESS: daemon,
      _X_AMZN_TRACE_ID: `Root=${TRACE};Parent=53995c3f42cd8ad8;Sampled=1`,
    }));
  });

  it('says in each line of which run it is, and under which trace', () => {
    const said = observed.lines.filter(({ level }) => level !== undefined);
    assert.deepEqual(
      said.map(({ level, run, error, xray_trace_id }) => ({ level, run, error, xray_trace_id })),
      [{ level: 'error', run: 'nightly', error: 'SourceRefused', xray_trace_id: TRACE }],
    );
  });

  it('sends X-Ray a segment that is found by the run, with the error', () => {
    const [segment, ...others] = observed.segments;
    assert.deepEqual(others, []);
    assert.deepEqual([segment!.trace_id, segment!.parent_id], [TRACE, '53995c3f42cd8ad8']);
    assert.equal(segment!.annotations.run, 'nightly');
    assert.equal(segment!.cause.exceptions[0]!.type, 'SourceRefused');
  });

  it('makes a figure of how long Chroma took for each answer', () => {
    const [figure, ...others] = observed.lines.filter((line) => '_aws' in line) as unknown as Figure[];
    assert.deepEqual(others, []);
    const { Namespace, Dimensions, Metrics } = figure!._aws.CloudWatchMetrics[0]!;
    assert.deepEqual([Namespace, Dimensions], ['ChromaToPgvector/Test', [['service']]]);
    assert.deepEqual(Metrics, [{ Name: 'ChromaAnswer', Unit: 'Milliseconds' }]);
    assert.deepEqual([figure!.service, figure!.run], ['plan', 'nightly']);
    assert.ok(figure!.ChromaAnswer > 0);
  });
});

describe('the same function on one machine', () => {
  it('writes its lines, and neither traces nor figures', async () => {
    const { lines, segments } = await failingPlan((daemon) => ({ AWS_XRAY_DAEMON_ADDRESS: daemon }));
    assert.deepEqual(
      lines.map(({ level, run }) => [level, run]),
      [['error', 'nightly']],
    );
    assert.deepEqual(segments, []);
  });
});

describe('what an invocation is about', () => {
  it('is the run, the collection and the shard, as far as the event says', () => {
    assert.deepEqual(aboutOf({ run: 'r', schema: 'docs', collection: 'Docs', number: 0, records: 9 }), {
      ...{ run: 'r', schema: 'docs', collection: 'Docs', shard: 0 },
    });
    assert.deepEqual(aboutOf({ run: 'r', schema: 'docs' }), { run: 'r', schema: 'docs' });
    assert.deepEqual(aboutOf({ execution: 'e', input: {} }), { run: 'e' });
    assert.deepEqual(aboutOf(null), {});
  });
});
