import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bareStatements, changesSettings, isCopyIn } from '../../local/embedded-postgres/sql-words.ts';

const copies = (sql: string) => bareStatements(sql).map(isCopyIn);

describe('a COPY FROM STDIN', () => {
  for (const sql of [
    'copy t from stdin',
    'COPY "from stdin; x" (a, "b""c")\nFROM\tSTDIN (format binary)',
    '/* one /* nested; */ */ copy t -- a comment; with a semicolon\n from stdin;',
    'copy t from stdout',
    "copy t from stdin with (delimiter ';', null E'\\'')",
  ])
    it(`is found in ${JSON.stringify(sql)}`, () => assert.deepEqual(copies(sql), [true]));

  for (const sql of [
    "copy t from '/from stdin'",
    "copy (select 'x' || ' from stdin') to stdout",
    "select 'copy t from stdin'",
    "select E'it\\'s; copy t from stdin'",
    'select $body$ ; copy t from stdin $body$',
    'select 1 -- ; copy t from stdin',
    'copy t to stdout',
    'select $1, "copy" from stdin',
  ])
    it(`is not seen in ${JSON.stringify(sql)}`, () => assert.deepEqual(copies(sql), [false]));

  it('is told apart from the statements around it', () => {
    assert.deepEqual(copies("begin; select ';'; copy t from stdin"), [false, false, true]);
  });
});

it('a setting is told apart from a column that is set', () => {
  assert.equal(changesSettings(bareStatements('/* mine */ set work_mem = 1')), true);
  assert.equal(changesSettings(bareStatements("select 1; select set_config('a.b', '1', false)")), true);
  assert.equal(changesSettings(bareStatements("update t set a = 'x; set work_mem = 1'")), false);
});
