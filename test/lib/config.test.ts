import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { parseConfig } from '../../lib/config.ts';
import { functionsOf, synthesize } from './synthesize.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = parseConfig({});
    assert.ok(Object.values(config).every((value) => value !== undefined));
    assert.equal(config.chromaUrlGiven, false);
  });

  it('takes numbers as the command line gives them, as text', () => {
    assert.equal(parseConfig({ storageGib: '250' }).storageGib, 250);
  });

  it('names all mistakes at once, with the value and what would be right', () => {
    const mistaken = {
      chromaUrl: 'chroma:8000',
      instanceClass: 'db.r7g.large!',
      storageGib: '5',
      databaseName: 'My-Data',
    };
    assert.throws(
      () => parseConfig(mistaken),
      ({ message }: Error) =>
        /chromaUrl = "chroma:8000": use http:\/\/host:port/.test(message) &&
        /instanceClass = .*use a class such as/.test(message) &&
        /storageGib = "5"/.test(message) &&
        /databaseName = "My-Data": use lower-case/.test(message),
    );
  });

  it('refuses a storage limit below the storage', () => {
    assert.throws(() => parseConfig({ storageGib: 500, maxStorageGib: 100 }), /maxStorageGib = 100: .*500/);
  });

  it('cannot be changed by those who read it', () => {
    assert.throws(() => Object.assign(parseConfig({}), { chromaUrl: 'http://elsewhere' }), TypeError);
  });
});

describe('an app without a Chroma server', () => {
  it('synthesizes, and says how to name one', () => {
    const { stack } = synthesize();
    Annotations.fromStack(stack).hasWarning('/ChromaToPgvector', Match.stringLikeRegexp('-c chromaUrl='));
  });

  it('is silent once there is one, and reads from it', () => {
    const { stack, template } = synthesize({ chromaUrl: 'https://chroma.test:8000' });
    assert.deepEqual(Annotations.fromStack(stack).findWarning('*', Match.anyValue()), []);
    for (const step of ['plan', 'export-shard', 'sample-searches'])
      assert.equal(
        functionsOf(template).get(step)?.Environment.Variables.CHROMA_URL,
        'https://chroma.test:8000',
      );
  });
});
