import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sparseColumns as option } from '../../local/command-line/values.ts';
import { InvalidInput } from '../../src/errors.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { sparseColumns } from '../../src/plan/sparse-columns.ts';

const columns = (asked: string, layout: MigrationInput['layout'] = 'guide') =>
  sparseColumns(MigrationInput.parse({ layout, sparseColumns: option('').parse(asked) }), 'docs')?.map(
    ({ key, column, dimension }) => [key, column, dimension],
  );

test('a key, its column and its dimension are told apart, whatever the key holds', () => {
  assert.deepEqual(columns('bm25\nbm25=words/30522\nsplade/500\na=b=c\nSplade v3'), [
    ['bm25', 'bm25', 1_000_000_000],
    ['bm25', 'words', 30_522],
    ['splade', 'splade', 500],
    ['a=b', 'c', 1_000_000_000],
    ['Splade v3', 'splade_v3', 1_000_000_000],
  ]);
  assert.equal(sparseColumns(MigrationInput.parse({}), 'docs'), undefined);
});

test('what is no name or no dimension is refused', () => {
  for (const wrong of ['', 'key=', 'key/0', 'key/1000000001', `key=${'é'.repeat(32)}`])
    assert.throws(() => option('').parse(wrong), /must look like KEY, KEY=NAME or KEY=NAME\/30522/, wrong);
});

test('a column that the tables have, or that is asked for twice, is refused before anything is moved', () => {
  for (const taken of ['content', 'k=embedding', 'k=ctid', 'one=x\nother=x'])
    assert.throws(() => columns(taken), InvalidInput, taken);
  assert.throws(() => columns('k=cmetadata', 'langchain'), InvalidInput);
  assert.throws(() => columns('k=node_id', 'llamaindex'), InvalidInput);
  assert.deepEqual(columns('k=content', 'flat'), [['k', 'content', 1_000_000_000]]);
  assert.throws(() => columns('bm25', 'shared'), /parts of one that all collections share/);
});
