/** A certificate says what became of every id, and is refused when it is not as it was issued. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidInput } from '../../src/errors.ts';
import { certificateOf, certificateText, parseCertificate } from '../../src/report/certificate.ts';
import { emptyReport, sampleReport } from './sample.ts';

const WHERE = 'certificate.json';

test('a certificate is read as it was issued', () => {
  const certificate = certificateOf(sampleReport());
  assert.deepEqual(parseCertificate(certificateText(certificate), WHERE), certificate);
});

test('a certificate accounts for every id by shard, collection and run', () => {
  const { collections, ...run } = certificateOf(sampleReport());
  const balances = (one: Record<'read' | 'loaded' | 'rejected' | 'vanished' | 'unexplained', number>) =>
    assert.equal(one.read, one.loaded + one.rejected + one.vanished + one.unexplained);
  balances(run);
  assert.deepEqual([run.read, run.rejected, run.unexplained], [182_400 + 96_250 + 41_020, 3, 0]);
  for (const collection of collections) {
    balances(collection);
    for (const shard of collection.shards) balances(shard);
    const ofShards = collection.shards.reduce((sum, { read }) => sum + read, 0);
    assert.equal(ofShards, collection.read, collection.collection);
  }
});

test('a checksum of the run is the sum of its collections’, or not known', () => {
  const report = sampleReport();
  const sum = report.collections.reduce((all, { checksum }) => all + BigInt(checksum.target as string), 0n);
  assert.equal(certificateOf(report).checksum.target, BigInt.asUintN(64, sum).toString());
  report.collections[1]!.checksum.target = null;
  assert.equal(certificateOf(report).checksum.target, null);
});

test('an id that nobody accounts for is told', () => {
  const report = sampleReport();
  report.collections[0]!.loaded -= 1;
  report.shards[0]!.loaded -= 1;
  const certificate = certificateOf(report);
  assert.equal(certificate.unexplained, 1);
  assert.equal(certificate.collections[0]!.unexplained, 1);
  assert.equal(certificate.collections[0]!.shards[0]!.unexplained, 1);
});

test('a run that failed before anything was known has a certificate that says so', () => {
  const certificate = certificateOf(emptyReport());
  assert.equal(parseCertificate(certificateText(certificate), WHERE).status, 'failed');
});

const TAMPERINGS: Record<string, (text: string) => string> = {
  'a count': (text) => text.replace('"rejected": 3', '"rejected": 2'),
  'a checksum': (text) =>
    text.replace(/"target": "(\d)/, (_, digit) => `"target": "${(Number(digit) % 9) + 1}`),
  'a schema': (text) => text.replace('"schema": "code"', '"schema": "codes"'),
  'a member too many': (text) => text.replace('{', '{"approved": true,'),
  'half of it': (text) => text.slice(0, text.length / 2),
};
for (const [what, tamper] of Object.entries(TAMPERINGS))
  test(`a certificate is refused that differs in ${what}`, () => {
    const text = certificateText(certificateOf(sampleReport()));
    const tampered = tamper(text);
    assert.notEqual(tampered, text);
    assert.throws(
      () => parseCertificate(tampered, WHERE),
      (error: Error) => {
        assert.ok(error instanceof InvalidInput);
        assert.match(error.message, /^certificate\.json is .*: pass the certificate\.json/);
        return true;
      },
    );
  });
