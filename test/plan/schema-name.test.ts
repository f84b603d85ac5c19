import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { schemaNames } from '../../src/plan/schema-name.ts';

const of = (...names: string[]) =>
  schemaNames(
    names.map((collection) => ({ tenant: 'default_tenant', database: 'default_database', collection })),
  );

/** Chroma's rule for names: 3 to 512 of these. */
const legalName = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,120}[a-zA-Z0-9]$/);

describe('schema names', () => {
  it('are the collections’ own names where those are plain identifiers', () => {
    assert.deepEqual(of('docs', 'source_code', 'v2'), ['docs', 'source_code', 'v2']);
  });

  it('are safe, different, and leave room for the working schemas, whatever the collections are called', () => {
    fc.assert(
      fc.property(fc.uniqueArray(legalName, { maxLength: 30 }), (names) => {
        const schemas = of(...names);
        assert.equal(new Set(schemas).size, names.length);
        for (const schema of schemas) {
          assert.match(schema, /^[a-z_][a-z0-9_]*$/);
          assert.ok(Buffer.byteLength(`${schema}__incoming`) <= 63, schema);
          assert.doesNotMatch(schema, /^pg_|__(incoming|previous)$/);
        }
      }),
    );
  });

  it('do not depend on the order in which the collections are listed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(legalName, { minLength: 2, maxLength: 10 }), (names) => {
        const forward = new Map(names.map((name, index) => [name, of(...names)[index]]));
        const reversed = [...names].reverse();
        const backward = of(...reversed);
        for (const [index, name] of reversed.entries()) assert.equal(backward[index], forward.get(name));
      }),
    );
  });

  it('leave the plain name to the collection that bears it, and mark the others', () => {
    const [docs, capital, dotted] = of('my_docs', 'My-Docs', 'my.docs');
    assert.equal(docs, 'my_docs');
    assert.match(capital!, /^my_docs_[0-9a-f]{8}$/);
    assert.match(dotted!, /^my_docs_[0-9a-f]{8}$/);
    assert.notEqual(capital, dotted);
  });

  it('never take a schema that belongs to Postgres, to others or to the ledger', () => {
    for (const name of ['public', 'information_schema', 'pg_catalog', 'chroma_migration', 'docs__incoming']) {
      assert.notEqual(of(name)[0], name);
      assert.doesNotMatch(of(name)[0]!, /^pg_/);
    }
  });

  it('tell collections of one name in several databases apart', () => {
    const names = schemaNames([
      { tenant: 't', database: 'a', collection: 'docs' },
      { tenant: 't', database: 'b', collection: 'docs' },
    ]);
    assert.equal(new Set(names).size, 2);
  });
});
