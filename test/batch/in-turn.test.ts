import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inTurn } from '../../src/batch/in-turn.ts';
import { SourceUnavailable, VerificationFailed } from '../../src/errors.ts';

const COLLECTIONS = ['a', 'b', 'c', 'd'];

/** Goes through the collections; those of `errors` fail. */
async function go(errors: Record<string, Error>, collections = COLLECTIONS) {
  const done: string[] = [];
  const work = async (name: string) => {
    if (errors[name]) throw errors[name];
    done.push(name);
    return name.toUpperCase();
  };
  const result = await inTurn(collections, (name) => `collection "${name}"`, work).catch(
    (error: Error) => error,
  );
  return { done, result };
}

describe('the items of a batch', () => {
  it('are done one after the other, and their outputs are in that order', async () => {
    assert.deepEqual((await go({})).result, ['A', 'B', 'C', 'D']);
  });

  it('do not stop each other: the error that comes in the end names all that failed', async () => {
    const wrong = new VerificationFailed('A record is missing.');
    const { done, result } = await go({ b: wrong, d: new VerificationFailed('Another one.') });
    assert.deepEqual(done, ['a', 'c']);
    assert.ok(result instanceof Error);
    assert.equal(result.message, 'A record is missing (of a batch of 4: collection "b", collection "d").');
    // By which the state machine knows whether to try again.
    assert.equal(result.name, VerificationFailed.errorName);
  });

  it('wait for the next try where the error is one that passes: it would meet all of them', async () => {
    const { done, result } = await go({
      b: new VerificationFailed('A record is missing.'),
      c: new SourceUnavailable('Chroma does not answer.'),
    });
    assert.deepEqual(done, ['a']);
    assert.ok(result instanceof Error);
    assert.equal(result.name, SourceUnavailable.errorName);
    assert.match(
      result.message,
      /^Chroma does not answer \(of a batch of 4: collection "b", collection "c"\)\.$/,
    );
  });

  it('alone in its batch has its own error and nobody’s beside it', async () => {
    const wrong = new VerificationFailed('A record is missing.');
    assert.equal((await go({ a: wrong }, ['a'])).result, wrong);
  });
});
