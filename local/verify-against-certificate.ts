/** `verify --certificate`: the live tables against what a run has certified, without Chroma. */
import { readFile } from 'node:fs/promises';
import { InvalidInput } from '../src/errors.ts';
import { type Certificate, parseCertificate } from '../src/report/certificate.ts';
import { openStore } from '../src/store/open-store.ts';
import { type CertificateFinding, verifyCertificate } from '../src/verify/verify-certificate.ts';
import { EXIT, type ExitCode } from './command-line/command.ts';
import { onInterrupt } from './interrupt.ts';
import { printableLines } from './progress/progress-line.ts';
import { logPlanned, withProgress } from './progress/with-progress.ts';
import { openTarget, type TargetValues } from './source-options.ts';
import { listedTable } from './summary.ts';
import { differingFirst, TOLD_DIFFERING } from './verification-text.ts';

interface CertificateValues extends TargetValues {
  certificate: string;
  store: string | undefined;
  json: true | undefined;
  quiet: true | undefined;
  verbose: true | undefined;
}

/** @throws InvalidInput if the file cannot be read, is no certificate, or not as it was issued */
export async function verifyAgainstCertificate(values: CertificateValues): Promise<ExitCode> {
  const certificate = parseCertificate(await readText(values.certificate), values.certificate);
  const store = await openStore(values.store ?? certificate.store);
  const { run, status, issuedAt, collections } = certificate;
  const interrupt = onInterrupt('nothing was changed');
  try {
    const findings = await withProgress(values, (log) => {
      logPlanned(log, { collections: collections.map(({ records }) => ({ records: records ?? 0 })) });
      return interrupt.stops(verifyCertificate({ database: openTarget(values), store, log }, certificate));
    });
    if (values.json)
      process.stdout.write(
        `${JSON.stringify({ certificate: { run, status, issuedAt }, collections: findings })}\n`,
      );
    else process.stdout.write(`${printableLines(findingsText(certificate, findings))}\n`);
    const holds = status === 'succeeded' && findings.every(({ verified }) => verified);
    return holds ? EXIT.done : EXIT.failed;
  } finally {
    interrupt.release();
  }
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause) => {
    throw new InvalidInput(
      `${file} cannot be read (${cause.code}): pass the certificate.json that lies in the store of a run.`,
      { cause },
    );
  });
}

const count = new Intl.NumberFormat('en');

function findingsText({ run, status, issuedAt }: Certificate, all: readonly CertificateFinding[]): string {
  const findings = differingFirst(all);
  const told = (records: number | null) => (records === null ? '–' : count.format(records));
  const rows = findings.map(({ collection, verified, records, checksum }) => [
    collection,
    verified ? 'as certified' : 'DIFFERS',
    `${told(records.found)} of ${told(records.certified)}`,
    checksum.found === null ? '–' : checksum.found === checksum.certified ? 'equal' : 'DIFFER',
  ]);
  return [
    `Certificate of run ${run}, issued ${issuedAt}`,
    ...(status === 'failed' ? ['❌ The run failed: pass the certificate of one that succeeded.'] : []),
    ...listedTable(['collection', '', 'records', 'checksums'], rows, 2),
    ...findings
      .slice(0, TOLD_DIFFERING)
      .flatMap(({ collection, mismatches }) => mismatches.map((mismatch) => `❌ ${collection}: ${mismatch}`)),
  ].join('\n');
}
