import type { Node } from 'constructs';
import { z } from 'zod';

/** Stands where no address was given, so that `cdk synth` works without any; nothing listens there. */
export const EXAMPLE_CHROMA_URL = 'https://chroma.example.com';

/** What `cdk -c key=value` and cdk.json may say. Context from the command line is text, so numbers are read from it. */
const Context = z.object({
  /** Address of the Chroma server that is read. Reachable from the internet. */
  chromaUrl: z.url({ protocol: /^https?$/, error: 'use http://host:port or https://host' }).optional(),
  /** Instance class without `db.`. r7g.large has 16 GiB; half of it indexes a million vectors of 1,536 dimensions in memory. */
  instanceClass: z
    .string()
    .regex(/^[a-z]\w*\.\w+$/, 'use a class such as r7g.large')
    .default('r7g.large'),
  /** Storage at first, in GiB of gp3; 20 is RDS's least. Growing later costs nothing but time, shrinking is not possible. */
  storageGib: z.coerce.number().int().min(20).max(65_536).default(100),
  /** The storage grows by itself up to this, in GiB. */
  maxStorageGib: z.coerce.number().int().min(20).max(65_536).default(1000),
  /** Name of the database that the collections arrive in. */
  databaseName: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, 'use lower-case letters, digits and underscores, first a letter')
    .default('vectors'),
  /** Postgres role that the functions connect as with IAM authentication. */
  databaseUser: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, 'use lower-case letters, digits and underscores, first a letter')
    .default('chroma_migration'),
  /** Memory of the functions that export and import a shard, in MB. They stream, so it does not grow with the shard. */
  shardMemoryMb: z.coerce.number().int().min(256).max(10_240).default(512),
  /** Days that the functions' and the executions' logs are kept. */
  logRetentionDays: z.coerce.number().int().min(1).max(3653).default(90),
});

export interface MigrationConfig extends Readonly<Omit<z.infer<typeof Context>, 'chromaUrl'>> {
  readonly chromaUrl: string;
  /** False if `chromaUrl` is only the example's: such a stack synthesizes, but has nothing to read. */
  readonly chromaUrlGiven: boolean;
}

/**
 * Reads the configuration from the construct tree's context.
 * @throws Error whose one message names every mistake.
 */
export function readConfig(node: Node): MigrationConfig {
  const untrusted = Object.fromEntries(
    Object.keys(Context.shape).map((key) => [key, node.tryGetContext(key)]),
  );
  return parseConfig(untrusted);
}

/** @throws Error whose one message names every mistake. */
export function parseConfig(untrusted: Record<string, unknown>): MigrationConfig {
  const parsed = Context.superRefine((config, mistakes) => {
    if (config.maxStorageGib < config.storageGib)
      mistakes.addIssue({
        code: 'custom',
        path: ['maxStorageGib'],
        message: `${config.maxStorageGib} is less than storageGib ${config.storageGib}`,
      });
  }).safeParse(untrusted);
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.')} = ${JSON.stringify(untrusted[String(path[0])])}: ${message}`,
    );
    throw new Error(`The configuration is not understood: ${mistakes.join('; ')}.`);
  }
  const { chromaUrl, ...rest } = parsed.data;
  return Object.freeze({
    ...rest,
    chromaUrl: chromaUrl ?? EXAMPLE_CHROMA_URL,
    chromaUrlGiven: chromaUrl !== undefined,
  });
}
