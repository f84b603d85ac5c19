import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidInput } from '../../src/errors.ts';
import { checkLayout, layoutWarnings } from '../../src/plan/layout-warnings.ts';
import { collectionPlan } from '../postgres/target-run.ts';

test('a plan says what the libraries will do otherwise than Chroma did', () => {
  const said = (different: Parameters<typeof collectionPlan>[0]) => layoutWarnings(collectionPlan(different));
  assert.deepEqual(said({ layout: 'langchain', space: 'cosine' }), []);
  assert.match(said({ layout: 'langchain', space: 'l2' }).join(), /pass its distance strategy/);
  assert.match(said({ layout: 'llamaindex', space: 'ip' }).join(), /by cosine distance alone/);
  assert.match(
    said({ layout: 'llamaindex', space: 'cosine', dimension: 3072 }).join(),
    /LlamaIndex reads the whole table/,
  );
  assert.deepEqual(said({ layout: 'flat', space: 'l2', dimension: 3072 }), []);
  assert.deepEqual(said({ layout: 'llamaindex', space: 'l2', dimension: null }), []);
});

test('a schema that LlamaIndex cannot name is refused before anything is moved', () => {
  assert.throws(() => checkLayout({ layout: 'llamaindex', schema: 'My Docs' }), InvalidInput);
  checkLayout({ layout: 'llamaindex', schema: 'my_docs' });
  checkLayout({ layout: 'langchain', schema: 'My Docs' });
});
