import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Digester } from '../../src/copy/digest.ts';
import { canonicalMetadata } from '../../src/copy/jsonb-text.ts';
import { collectionChecksum, digestsQuery } from '../../src/postgres/digest.ts';
import { guide } from '../../src/postgres/layouts/guide.ts';
import { collectionPlan, planOf, prepare, startTarget, type TestTarget } from './target-run.ts';

const DIMENSION = 3;
const SCHEMA = 'docs__incoming';

interface Sent {
  id: string;
  document: string | null;
  uri: string | null;
  /** JSON as Chroma would send it. */
  metadata: string | null;
  embedding: number[];
}

const SENT: Sent[] = [
  { id: 'plain', document: 'text', uri: 's3://a/b', metadata: '{"page": 1}', embedding: [1, 2, 3] },
  { id: 'nothing', document: null, uri: null, metadata: null, embedding: [0, 0, 0] },
  { id: 'empty', document: '', uri: '', metadata: '{}', embedding: [-0, 0, 1e-45] },
  {
    id: 'größer 🦉',
    document: 'naïve\n\ttext',
    uri: null,
    metadata: '{"é": "ü", "aa": "b\\u0001"}',
    embedding: [0.1, -3.4e38, 1e-38],
  },
  {
    id: 'numbers',
    document: null,
    uri: null,
    metadata: '{"big": 9223372036854775807, "one": 1.0, "e": 1e-7}',
    embedding: [1, 1, 1],
  },
  {
    id: 'order',
    document: 'x',
    uri: null,
    metadata: '{"bb": true, "a": false, "ccc": [1, "two"]}',
    embedding: [0.5, 0.25, 0.125],
  },
  // The same bytes cut at another place must not give the same digest.
  { id: 'ab', document: 'c', uri: null, metadata: null, embedding: [7, 7, 7] },
  { id: 'a', document: 'bc', uri: null, metadata: null, embedding: [7, 7, 7] },
];

let target: TestTarget;
before(async () => {
  target = await startTarget();
  await prepare(target, planOf('run', [collectionPlan({ dimension: DIMENSION })]));
  for (const [n, { id, document, uri, metadata, embedding }] of SENT.entries()) {
    await target.rows(
      `insert into ${SCHEMA}.documents (id, source_id, content, uri, metadata) values (md5($1)::uuid, $2, $3, $4, $5)`,
      [String(n), id, document, uri, metadata],
    );
    await target.rows(
      `insert into ${SCHEMA}.embeddings (id, document_id, embedding) values (md5($1)::uuid, md5($1)::uuid, $2)`,
      [String(n), `[${embedding.map(numberText).join(',')}]`],
    );
  }
});
after(() => target.stop());

/** String(-0) is '0', but its sign is a bit of the vector that must arrive. */
const numberText = (number: number) => (Object.is(number, -0) ? '-0' : String(number));

const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));

/** The exporter's digests of what was sent. */
function sentDigests() {
  const digester = new Digester();
  const digests = new Map(
    SENT.map(({ id, document, uri, metadata, embedding }) => [
      id,
      digester
        .add({
          id: Buffer.from(id),
          document: bytes(document),
          uri: bytes(uri),
          metadata: metadata === null ? null : Buffer.from(canonicalMetadata(metadata).text),
          embedding: Float32Array.from(embedding),
        })
        .readBigInt64BE(),
    ]),
  );
  return { digests, checksum: digester.checksum().toString() };
}

const checksum = () =>
  target.database.withClient('test', (client) => collectionChecksum(client, guide, SCHEMA));

test('the database computes of each record the digest that the exporter computed of what Chroma sent', async () => {
  const { digests } = sentDigests();
  const rows = await target.rows<{ source_id: string; digest: string }>(
    `select source_id, digest::text from (${digestsQuery(guide, SCHEMA)}) digested`,
  );
  assert.equal(rows.length, SENT.length);
  for (const { source_id, digest } of rows) assert.equal(BigInt(digest), digests.get(source_id), source_id);
  assert.equal(new Set(rows.map(({ digest }) => digest)).size, SENT.length);
});

test('the checksum of a collection is the same unsigned sum on both sides', async () => {
  assert.deepEqual(await checksum(), { records: SENT.length, checksum: sentDigests().checksum });
});

test('no change of a record goes unnoticed', async () => {
  const sound = await checksum();
  for (const change of [
    `update ${SCHEMA}.documents set source_id = 'b' where source_id = 'a'`,
    `update ${SCHEMA}.documents set content = null where source_id = 'empty'`,
    `update ${SCHEMA}.documents set uri = content, content = uri where source_id = 'plain'`,
    `update ${SCHEMA}.documents set metadata = '{"page": 1.0}' where source_id = 'plain'`,
    `update ${SCHEMA}.embeddings set embedding = '[1,2,3.0000002]' where document_id = md5('0')::uuid`,
    `update ${SCHEMA}.embeddings set embedding = case document_id when md5('0')::uuid then '[0,0,0]' else '[1,2,3]' end::vector
      where document_id in (md5('0')::uuid, md5('1')::uuid)`,
    `delete from ${SCHEMA}.embeddings where document_id = md5('1')::uuid`,
    `insert into ${SCHEMA}.documents select * from ${SCHEMA}.documents where source_id = 'a'`,
  ]) {
    await target.database.withClient('test', async (client) => {
      await client.query('begin');
      assert.ok((await client.query(change)).rowCount, change);
      assert.notDeepEqual(await collectionChecksum(client, guide, SCHEMA), sound, change);
    });
  }
  assert.deepEqual(await checksum(), sound);
});

test('a document that lost its embedding shows in the count', async () => {
  await target.database.withClient('test', async (client) => {
    await client.query('begin');
    await client.query(
      `insert into ${SCHEMA}.documents (id, source_id) values (md5('lonely')::uuid, 'lonely')`,
    );
    assert.equal((await collectionChecksum(client, guide, SCHEMA)).records, SENT.length + 1);
  });
});

test('an empty collection has the checksum 0', async () => {
  await target.database.withClient('test', async (client) => {
    await client.query(`begin; truncate ${SCHEMA}.documents, ${SCHEMA}.embeddings`);
    assert.deepEqual(await collectionChecksum(client, guide, SCHEMA), { records: 0, checksum: '0' });
  });
});
