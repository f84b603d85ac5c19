/**
 * The only reader of the environment: turns it into what the engine takes. On AWS the CDK app sets these
 * variables, on one machine the local runner does.
 *
 * STORE_URL      s3://bucket/prefix, or a folder; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL: another S3 than Amazon's
 * CHROMA_URL     address of the Chroma server; CHROMA_HEADERS: JSON object of headers; CHROMA_CA_FILE: PEM
 * DATABASE_URL   on one machine: the whole address
 * DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER
 *                on AWS: the password is a token that IAM signs
 * DATABASE_CA_FILE  certificate authorities in PEM
 */
import { readFileSync } from 'node:fs';
import { Signer } from '@aws-sdk/rds-signer';
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import { InvalidInput } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import { openStore as openStoreAt } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';

const settings = process.env;

const required = (name: string): string => {
  const value = settings[name];
  if (!value) throw new InvalidInput(`The environment variable ${name} is not set: deploy the stack again.`);
  return value;
};

/** JSON lines on standard output, as CloudWatch Logs Insights reads them. */
export const log: Log = {
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
};

function write(level: string, message: string, fields?: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ level, message, ...fields })}\n`);
}

export const openStore = (): ShardStore =>
  openStoreAt(required('STORE_URL'), {
    pathStyle: Boolean(settings.AWS_ENDPOINT_URL_S3 || settings.AWS_ENDPOINT_URL),
  });

export function openChroma(): ChromaSource {
  const headers = settings.CHROMA_HEADERS;
  return new ChromaSource({
    url: required('CHROMA_URL'),
    ...(headers ? { headers: JSON.parse(headers) as Record<string, string> } : {}),
    ...(settings.CHROMA_CA_FILE ? { ca: readFileSync(settings.CHROMA_CA_FILE, 'utf8') } : {}),
  });
}

export function openTarget(): Database {
  const ca = settings.DATABASE_CA_FILE ? { ca: readFileSync(settings.DATABASE_CA_FILE, 'utf8') } : {};
  if (settings.DATABASE_URL) return openDatabase({ url: settings.DATABASE_URL, ...ca });
  const hostname = required('DATABASE_HOST');
  const port = Number(settings.DATABASE_PORT ?? 5432);
  const username = required('DATABASE_USER');
  const region = required('AWS_REGION');
  const url = `postgres://${encodeURIComponent(username)}@${hostname}:${port}/${required('DATABASE_NAME')}?sslmode=verify-full`;
  // The token is signed on this machine: no endpoint need be reached for it.
  const password = () => new Signer({ hostname, port, username, region }).getAuthToken();
  return openDatabase({ url, password, ...ca });
}
