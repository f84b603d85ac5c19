/** What lies between export and import: JSON lines instead of COPY streams, a bucket instead of a folder. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import type { ShardItem } from '../../src/contract.ts';
import { keys } from '../../src/store/keys.ts';
import { addAwkwardCollection } from '../fixtures/awkward-records.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { type Finished, type RunJson, runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived, recordsOfChroma } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 1_200;

describe('a run', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let ids: Record<string, string>;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    ids = {
      docs: await fillCollection(chroma.url, {
        name: 'docs',
        dimension: 48,
        records: RECORDS,
        space: 'cosine',
      }),
      awkward: await addAwkwardCollection(chroma.url, 'awkward'),
    };
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  const migrate = (run: string, store: string, more: string[], env?: Record<string, string>) =>
    runJsonCommand(
      [
        ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
        ...['--run', run, '--shard-bytes', '64k', ...more],
      ],
      env,
    );

  async function assertSucceeded({ code, stderr, json }: Finished & { json: RunJson }): Promise<void> {
    assert.equal(code, 0, stderr);
    for (const { schema, checksum } of json.collections) {
      assert.equal(checksum.target, checksum.source);
      await assertArrived({ chroma: chroma.url, collectionId: ids[schema]!, target: postgres.url, schema });
    }
  }

  describe('with --format jsonl', () => {
    let store: string;
    before(async () => {
      store = await temporaryFolder('jsonl-');
    });

    it('arrives the same', async () => assertSucceeded(await migrate('lines', store, ['--format', 'jsonl'])));

    it('leaves one JSON object a line, with the keys of the guide', async () => {
      const shards: ShardItem[] = JSON.parse(await readFile(join(store, keys.shards('lines')), 'utf8'));
      assert.ok(shards.length > 3);
      for (const schema of ['docs', 'awkward']) {
        const expected = await recordsOfChroma(chroma.url, ids[schema]!);
        for (const { number } of shards.filter((shard) => shard.schema === schema)) {
          const text = await readFile(join(store, keys.records('lines', schema, number)), 'utf8');
          assert.ok(text.endsWith('\n'));
          for (const line of text.slice(0, -1).split('\n')) {
            const record = JSON.parse(line);
            assert.deepEqual(Object.keys(record), ['id', 'document', 'metadata', 'uri', 'embedding']);
            const said = expected.get(record.id)!;
            assert.deepEqual([record.document, record.uri], [said.document, said.uri]);
            assert.deepEqual(Float32Array.from(record.embedding), said.embedding);
            expected.delete(record.id);
          }
        }
        assert.equal(expected.size, 0, `${schema}: not in any shard`);
      }
    });
  });

  describe('with --store s3://', () => {
    let s3: FauxqsServer;
    let client: S3Client;
    let env: Record<string, string>;
    before(async () => {
      s3 = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
      s3.createBucket('shards');
      env = {
        // By name: an address of digits is asked by path in any case, a name only where that is switched on.
        AWS_ENDPOINT_URL_S3: `http://localhost:${s3.port}`,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_REGION: 'us-east-1',
      };
      client = new S3Client({
        endpoint: env.AWS_ENDPOINT_URL_S3!,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      });
    });
    after(async () => {
      client?.destroy();
      await s3?.stop();
    });

    it('arrives the same', async () => {
      await assertSucceeded(await migrate('bucket', 's3://shards/some/prefix', [], env));
    });

    it('leaves shards, plan and report in the bucket, below the prefix', async () => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'shards' }));
      const found = Contents!.map(({ Key }) => Key as string);
      assert.deepEqual(
        found.filter((key) => !key.startsWith('some/prefix/runs/')),
        [],
      );
      for (const key of [
        keys.plan('bucket'),
        keys.embeddings('bucket', 'docs', 3),
        keys.reportHtml('bucket'),
      ])
        assert.ok(found.includes(`some/prefix/${key}`), `${key} in ${found.join(', ')}`);
      const report = await client.send(
        new GetObjectCommand({ Bucket: 'shards', Key: `some/prefix/${keys.reportHtml('bucket')}` }),
      );
      assert.match(report.ContentType!, /^text\/html/);
    });

    it('goes on from the bucket and exports no shard again', async () => {
      const manifest = async () => {
        const Key = `some/prefix/${keys.manifest('bucket', 'docs', 3)}`;
        const { Body } = await client.send(new GetObjectCommand({ Bucket: 'shards', Key }));
        return Body!.transformToString();
      };
      const before = await manifest();
      const { code, json, stderr } = await migrate('bucket', 's3://shards/some/prefix', [], env);
      assert.equal(code, 0, stderr);
      assert.equal(json.report, `s3://shards/some/prefix/${keys.reportHtml('bucket')}`);
      assert.equal(await manifest(), before);
    });

    it('says in one sentence that there is no such bucket', async () => {
      const places = ['--source', chroma.url, '--target', postgres.url, '--store', 's3://no-such-bucket'];
      const { code, stderr } = await runCommand(['migrate', ...places, '--quiet'], env);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^The store's s3:\/\/no-such-bucket\S* cannot be written \(NoSuchBucket\): [^\n]*\n$/,
      );
    });
  });
});
