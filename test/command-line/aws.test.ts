/** What the commands for AWS say when AWS does not do what they ask. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openAws } from '../../local/aws/clients.ts';
import { readableAwsError } from '../../local/aws/errors.ts';
import { ExecutionProgress } from '../../local/aws/execution-progress.ts';
import { Executions } from '../../local/aws/executions.ts';
import type { Look, MapCounts } from '../../local/aws/look.ts';
import { findStack } from '../../local/aws/stack.ts';
import { progressLine } from '../../local/progress/progress-line.ts';
import { type AwsDouble, STATE_MACHINE_ARN, startAwsDouble } from '../fixtures/aws-double.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { Refused } from '../fixtures/execution-double.ts';

const TOO_LATE = 'Execution redrivable period exceeded.';
const EXECUTION = 'arn:aws:states:us-east-1:000000000000:execution:chroma-to-pgvector:gone';

describe('a command for AWS', () => {
  let aws: AwsDouble;
  before(async () => {
    aws = await startAwsDouble({
      outputs: { StateMachineArn: STATE_MACHINE_ARN },
      open: () => assert.fail('nothing is started here'),
    });
    Object.assign(process.env, aws.environment);
  });
  after(async () => {
    for (const name of Object.keys(aws.environment)) delete process.env[name];
    await aws.stop();
  });

  /** The sentence with which it fails. */
  async function sentenceOf(work: (clients: Awaited<ReturnType<typeof openAws>>) => Promise<unknown>) {
    const clients = await openAws(undefined);
    try {
      await work(clients);
    } catch (error) {
      const { name, message } = error as Error;
      assert.match(message, /^[A-Z][^\n]*\.$/);
      return `${name}: ${message}`;
    } finally {
      clients.close();
    }
    return assert.fail('it did not fail');
  }

  it('names the stack that is not there, and one that is none of ours', async () => {
    assert.match(
      await sentenceOf((clients) => findStack(clients, 'Search')),
      /^StackNotFound: There is no stack Search .*--stack/,
    );
    assert.match(
      await sentenceOf((clients) => findStack(clients, 'ChromaToPgvector')),
      /^StackNotFound: The stack ChromaToPgvector has no output StoreUrl/,
    );
  });

  it('names the execution that is not there', async () => {
    const said = await sentenceOf((clients) => new Executions(clients).describe(EXECUTION));
    assert.match(said, /^ExecutionNotFound: .*:gone.*status/);
  });

  it('says which run to start instead of redriving what ended more than 14 days ago', async () => {
    const ended = { status: 'FAILED', redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: TOO_LATE };
    aws.answerWith('DescribeExecution', ended);
    try {
      assert.match(
        await sentenceOf((clients) => new Executions(clients).redrive(EXECUTION)),
        /^NotRedrivable: The execution cannot be redriven \(.*period exceeded\): start one with the same --run/,
      );
      assert.ok(!aws.asked.includes('RedriveExecution'));
    } finally {
      aws.answerWith('DescribeExecution', null);
    }
  });

  it('says how to begin where the stack has no execution yet', async () => {
    aws.outputs.StoreUrl = 's3://shards';
    try {
      for (const name of ['redrive', 'report']) {
        const { code, stderr } = await runCommand([name], aws.environment);
        assert.equal(code, 1, name);
        assert.match(
          stderr,
          /^The stack ChromaToPgvector has no execution yet: begin one with chroma-to-pgvector start\.\n$/,
        );
      }
    } finally {
      delete aws.outputs.StoreUrl;
    }
  });

  for (const [code, expected] of [
    ['ExpiredTokenException', /^AwsRefused: The AWS credentials have expired: sign in again/],
    ['UnrecognizedClientException', /^AwsRefused: AWS does not know the credentials/],
    ['AccessDeniedException', /^AwsRefused: AWS does not allow this \(no states:DescribeExecution\)/],
    ['SomethingElseException', /^AwsRefused: AWS refuses this \(SomethingElseException: no states/],
  ] as const)
    it(`has a sentence for ${code}, from Step Functions and from CloudFormation`, async () => {
      aws.refuseWith(new Refused(code, 'no states:DescribeExecution'));
      try {
        assert.match(await sentenceOf((clients) => new Executions(clients).describe(EXECUTION)), expected);
        assert.match(await sentenceOf((clients) => findStack(clients, 'ChromaToPgvector')), expected);
      } finally {
        aws.refuseWith(null);
      }
    });

  it('says what to do without credentials, without a region, and without an answer', async () => {
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' };
    const noFiles = {
      HOME: '/nowhere',
      AWS_CONFIG_FILE: '/nowhere',
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    };
    const without = await runCommand(['status'], { ...aws.environment, ...none, ...noFiles });
    assert.equal(without.code, 1);
    assert.match(without.stderr, /^There are no AWS credentials here: [^\n]*\n$/);
    const nowhere = await runCommand(['status'], { ...aws.environment, ...noFiles, AWS_REGION: '' });
    assert.equal(nowhere.code, 2, nowhere.stderr);
    assert.match(nowhere.stderr, /^No AWS region is set, or none that there is: use --region[^\n]*\n$/);
    const refused = { AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:9', AWS_MAX_ATTEMPTS: '1' };
    const silent = await runCommand(['start', '--json'], { ...aws.environment, ...refused });
    assert.equal(silent.code, 1);
    assert.match(silent.stderr, /^AWS does not answer [^\n]*\n$/);
    assert.equal(JSON.parse(silent.stdout).error.name, 'AwsUnavailable');
  });

  it('says it of credentials that have expired before they were sent', () => {
    const error = Object.assign(new Error('The SSO session has expired.'), {
      name: 'CredentialsProviderError',
    });
    assert.match(readableAwsError(error).message, /expired: sign in again/);
  });
});

describe('the progress of an execution on AWS', () => {
  const look = (state: string, maps: MapCounts[], index: Look['index'] = null): Look => ({
    ...{ execution: EXECUTION, name: 'x', run: 'x', status: 'RUNNING', startedAt: null, stoppedAt: null },
    ...{ redrives: 0, redrivable: false, state, maps, index, error: null },
  });
  const counts = (map: string, succeeded: number, failed = 0): MapCounts => ({
    ...{ map, total: 40, succeeded, failed, running: 0, pending: 40 - succeeded - failed },
  });

  it('counts the shards, with their rate and the time that is left, not reckoned with what was done before', () => {
    const progress = new ExecutionProgress();
    progress.update(look('MigrateShards', [counts('MigrateShards', 10)]), 0);
    progress.update(look('MigrateShards', [counts('MigrateShards', 20, 1)]), 60_000);
    assert.equal(
      progressLine(progress.view(60_000)),
      'Migrating   20 of 40 batches (50 %)  10/min  2 min 0 s left  1 failed',
    );
  });

  it('has the percentage of the index that is being built, and when it is done', () => {
    const progress = new ExecutionProgress();
    const maps = [counts('MigrateShards', 40), counts('IndexCollections', 3)];
    progress.update(look('IndexCollections', maps, { name: 'docs.hnsw', percent: 10 }), 0);
    progress.update(look('IndexCollections', maps, { name: 'docs.hnsw', percent: 30 }), 60_000);
    assert.equal(
      progressLine(progress.view(60_000)),
      'Indexing    3 of 40 batches (7 %)  docs.hnsw  30 %  3 min 30 s left',
    );
  });
});
