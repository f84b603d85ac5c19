import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { aboutOf } from '../../lambdas/step.ts';
import { type FunctionName, HELPER_NAMES, STEP_NAMES } from '../../lib/step-names.ts';
import { buildAll } from '../../local/build.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

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

type Environment = (daemon: string) => Record<string, string>;

/** Calls the bundled function as Lambda does, with a Chroma that knows nothing and a database that is not there. */
async function call(step: FunctionName, event: object, environment: Environment): Promise<Observed> {
  const { assembly } = await buildAll();
  const [bundle] = globSync(join(assembly, 'asset.*', `${step}.mjs`));
  const segments: Segment[] = [];
  const daemon = createSocket('udp4').bind(0, '127.0.0.1');
  daemon.on('message', (message) => segments.push(JSON.parse(message.toString().split('\n')[1]!)));
  await once(daemon, 'listening');
  const chroma = createServer((_, answer) => answer.writeHead(404).end('{}')).listen(0, '127.0.0.1');
  await once(chroma, 'listening');
  const script = `const { handler } = await import(${JSON.stringify(bundle)});
    await handler(${JSON.stringify(event)}, { awsRequestId: 'request-1' }).catch(() => undefined);`;
  const env = {
    STORE_URL: await temporaryFolder('telemetry-'),
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    CHROMA_URL: `http://127.0.0.1:${(chroma.address() as AddressInfo).port}`,
    POWERTOOLS_SERVICE_NAME: step,
    POWERTOOLS_METRICS_NAMESPACE: 'ChromaToPgvector/Test',
    ...environment(`127.0.0.1:${daemon.address().port}`),
  };
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script],
    { env },
  );
  const lines = `${stdout}${stderr}`.trim().split('\n');
  // What came last may still be unread: the sockets are looked at once more.
  for (let turns = 0; turns < 2; turns++) await turn();
  daemon.close();
  chroma.close();
  return { lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), segments };
}

/** It asks once and fails. */
const failingPlan = (environment: Environment) =>
  call('plan', { execution: 'execution-1', input: { run: 'nightly' } }, environment);

const TRACE = '1-5e1b4151-5ac6c58f5b9dfa3a2a2d8a3b';
const onLambda: Environment = (daemon) => ({
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  LAMBDA_TASK_ROOT: '/var/task',
  AWS_XRAY_DAEMON_ADDRESS: daemon,
  _X_AMZN_TRACE_ID: `Root=${TRACE};Parent=53995c3f42cd8ad8;Sampled=1`,
});

describe('a function on Lambda', () => {
  let observed: Observed;
  before(async () => {
    observed = await failingPlan(onLambda);
  });

  it('says in each line of which run it is, in which call and under which trace', () => {
    const said = observed.lines.filter(({ level }) => level !== undefined);
    assert.deepEqual(
      said.map(({ message, cold_start, ...line }) => line),
      [
        {
          ...{ level: 'error', run: 'nightly', error: 'SourceRefused', service: 'plan' },
          ...{ function_request_id: 'request-1', xray_trace_id: TRACE },
        },
      ],
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

describe('a function beside the state machine', () => {
  it('says in each line, and X-Ray, of which run the execution was that has ended', async () => {
    const detail = { name: 'execution-1', status: 'FAILED', input: '{"run":"nightly"}' };
    const { lines, segments } = await call('report-failure', { detail }, onLambda);
    assert.deepEqual(
      lines.map(({ level, run, service, function_request_id, xray_trace_id }) => ({
        ...{ level, run, service, function_request_id, xray_trace_id },
      })),
      ['info', 'warn'].map((level) => ({
        ...{ level, run: 'nightly', service: 'report-failure' },
        ...{ function_request_id: 'request-1', xray_trace_id: TRACE },
      })),
    );
    assert.deepEqual(
      segments.map(({ trace_id, annotations }) => [trace_id, annotations.run]),
      [[TRACE, 'nightly']],
    );
  });

  it('is made by the same wrapper as the steps, each of them', () => {
    for (const name of [...STEP_NAMES, ...HELPER_NAMES]) {
      const code = readFileSync(new URL(`../../lambdas/${name}.ts`, import.meta.url), 'utf8');
      assert.match(code, /^(export )?const \w+ = step(OfEach)?\(/m, name);
    }
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
