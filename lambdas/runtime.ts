/**
 * The only reader of the environment: turns it into what the engine takes. On AWS the CDK app sets these
 * variables, on one machine the local runner does.
 *
 * STORE_URL      s3://bucket/prefix, or a folder; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL: another S3 than Amazon's
 * CHROMA_URL     address of the Chroma server, or the place of files that were read; CHROMA_HEADERS: JSON object of
 *                headers; CHROMA_CA_FILE: PEM
 * CHROMA_SECRET_ARN  on AWS: secret with a token or a JSON object of headers
 * DATABASE_URL   on one machine: the whole address
 * DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER
 *                on AWS: the password is a token that IAM signs
 * DATABASE_CA_FILE  certificate authorities in PEM
 * DATABASE_STORAGE_GIB, DATABASE_PARAMETER_GROUP
 *                on AWS: the instance's disk at least, and the group that a function may change
 * NOTICES_TOPIC_ARN  on AWS: whom a function tells how an execution ended
 */
import { readFileSync } from 'node:fs';
import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
import type { Metrics } from '@aws-lambda-powertools/metrics';
import { isServer, type RecordSource } from '../src/chroma/record-source.ts';
import { InvalidInput } from '../src/errors.ts';
import { FilesSource } from '../src/files/files-source.ts';
import type { Log } from '../src/log.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import { openStore as openStoreAt } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';
import type { NoticePlaces } from './notice.ts';

const settings = process.env;

const required = (name: string): string => {
  const value = settings[name];
  if (!value) throw new InvalidInput(`The environment variable ${name} is not set: deploy the stack again.`);
  return value;
};

/** Lambda's own word on itself; the local runner says no such thing. */
const onLambda = settings.AWS_EXECUTION_ENV?.startsWith('AWS_Lambda_') ?? false;

/** One JSON object a line, its fields beside the message: what metric filters, Logs Insights and the local runner read. */
class Lines extends LogFormatter {
  override formatAttributes(
    { logLevel, message, serviceName, lambdaContext, xRayTraceId }: UnformattedAttributes,
    fields: LogAttributes,
  ): LogItem {
    const line = {
      level: logLevel.toLowerCase(),
      message,
      service: serviceName,
      // The names that Powertools has for them: its examples of queries find these lines too.
      function_request_id: lambdaContext?.awsRequestId,
      cold_start: lambdaContext?.coldStart,
      xray_trace_id: xRayTraceId,
    };
    return new LogItem({ attributes: line }).addAttributes(fields);
  }
}

/** Its keys are those of the present invocation: see step.ts. */
export const logger = new Logger({ logFormatter: new Lines() });

export const log: Log = {
  info: (message, fields = {}) => logger.info(message, fields),
  warn: (message, fields = {}) => logger.warn(message, fields),
};

/** Loaded where X-Ray listens and nowhere else. Calls are not traced one by one: a shard makes hundreds of them. */
export const tracer = onLambda
  ? new (await import('@aws-lambda-powertools/tracer')).Tracer({ captureHTTPsRequests: false })
  : null;

/** How long Chroma took for each answer since the last call, in milliseconds. */
export const takeChromaAnswers = (): number[] => chromaAnswers.splice(0);
const chromaAnswers: number[] = [];

/** What becomes CloudWatch's figures; null where nobody turns lines into figures. */
export const openMetrics = async (): Promise<Metrics | null> =>
  onLambda ? new (await import('@aws-lambda-powertools/metrics')).Metrics() : null;

export const openStore = (): Promise<ShardStore> =>
  openStoreAt(required('STORE_URL'), {
    pathStyle: Boolean(settings.AWS_ENDPOINT_URL_S3 || settings.AWS_ENDPOINT_URL),
  });

export async function openChroma(): Promise<RecordSource> {
  const url = required('CHROMA_URL');
  if (!isServer(url)) return new FilesSource(url);
  // Loaded only by the steps that read from Chroma: the others start in half the time.
  const { ChromaSource } = await import('../src/chroma/chroma-source.ts');
  const headers = await chromaHeaders();
  return new ChromaSource({
    url,
    onAnswer: (milliseconds) => chromaAnswers.push(milliseconds),
    ...(headers ? { headers } : {}),
    ...(settings.CHROMA_CA_FILE ? { ca: readFileSync(settings.CHROMA_CA_FILE, 'utf8') } : {}),
  });
}

/** Read when a function's environment is made: a new token is in force once the old environments are gone. */
async function chromaHeaders(): Promise<Record<string, string> | undefined> {
  if (settings.CHROMA_HEADERS) return JSON.parse(settings.CHROMA_HEADERS) as Record<string, string>;
  const SecretId = settings.CHROMA_SECRET_ARN;
  if (!SecretId) return undefined;
  // Loaded only where there is a secret: Lambda has the client, other machines need none.
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const { headersOf } = await import('./chroma-headers.ts');
  const { SecretString } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId }));
  return headersOf(SecretString, SecretId);
}

export async function openTarget(): Promise<Database> {
  if (settings.DATABASE_URL) return openDatabase({ url: settings.DATABASE_URL, ...authorities() });
  const hostname = required('DATABASE_HOST');
  const port = databasePort();
  const username = required('DATABASE_USER');
  const region = required('AWS_REGION');
  // Loaded only where IAM lets in: a database with a password needs none of it.
  const { Signer } = await import('@aws-sdk/rds-signer');
  // The token is signed on this machine: no endpoint need be reached for it.
  const password = () => new Signer({ hostname, port, username, region }).getAuthToken();
  return openDatabase({ url: databaseUrl(username), password, ...authorities() });
}

/** The target as somebody with a password, for what the migration's own user may not do. */
export const openTargetAs = (username: string, password: string): Database =>
  openDatabase({ url: databaseUrl(username), password: async () => password, ...authorities() });

/** Bytes of the database's disk, where the stack made it. */
export const databaseStorageBytes = (): number | undefined =>
  settings.DATABASE_STORAGE_GIB ? Number(settings.DATABASE_STORAGE_GIB) * 1024 ** 3 : undefined;

export const noticesTopic = (): string => required('NOTICES_TOPIC_ARN');

export const noticePlaces = (): NoticePlaces => ({
  region: required('AWS_REGION'),
  bucket: new URL(required('STORE_URL')).hostname,
});

export const parameterGroup = (): string => required('DATABASE_PARAMETER_GROUP');

const databasePort = () => Number(settings.DATABASE_PORT ?? 5432);

const databaseUrl = (username: string): string =>
  `postgres://${encodeURIComponent(username)}@${required('DATABASE_HOST')}:${databasePort()}/${required('DATABASE_NAME')}?sslmode=verify-full`;

const authorities = (): { ca?: string } =>
  settings.DATABASE_CA_FILE ? { ca: readFileSync(settings.DATABASE_CA_FILE, 'utf8') } : {};
