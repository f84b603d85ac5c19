/** The verification's exact answers over a table that is large to the planner. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exactAnswers } from '../../src/verify/exact-searches.ts';
import {
  collectionPlan,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

const RECORDS = 400_000;
const SEARCHES = 50;
/** More than a busy machine takes, so that all searches are answered. */
const PATIENCE_SECONDS = 600;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('fifty searches of 400,000 records are all answered, the records themselves first', async () => {
  const collection = collectionPlan({ schema: 'large', dimension: 16, records: RECORDS });
  await prepare(target, planOf('large', [collection]));
  await load(target, collection);
  const schema = 'large__incoming';
  await target.rows(`analyze ${schema}.documents, ${schema}.embeddings`);
  const asked = await target.rows<{ id: string; embedding: string }>(
    `select d.source_id as id, e.embedding::text as embedding
       from generate_series(1, $1::integer) n
       join ${schema}.documents d on d.source_id = 'record ' || n * 7919
       join ${schema}.embeddings e on e.document_id = d.id`,
    [SEARCHES],
  );
  assert.equal(asked.length, SEARCHES);
  const queries = asked.map(({ id, embedding }) => ({
    ...{ id, ids: [], distances: [], milliseconds: 0 },
    embedding: JSON.parse(embedding) as number[],
  }));
  const answers = await target.database.withClient('test', (client) =>
    exactAnswers(client, { schema, collection }, { queries, records: RECORDS }, PATIENCE_SECONDS),
  );
  assert.deepEqual(
    answers.map(({ ids, distances }) => [ids[0], distances[0], ids.length]),
    queries.map(({ id }) => [id, 0, 10]),
  );
});
