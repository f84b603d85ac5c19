/** What a configuration file of the application may hold (docs/guide.md): the guide's keys, and where Chroma is. */
import { z } from 'zod';

export const VECTOR_STORES = ['postgresql', 'chromadb'] as const;
export type VectorStore = (typeof VECTOR_STORES)[number];
export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** A variable's value is text: its digits are a number here too. */
const whole = (min: number, max: number) =>
  z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], {
      error: `must be a whole number from ${min} to ${max}`,
    })
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, {
      error: `must be a whole number from ${min} to ${max}`,
    });

const text = z.string({ error: 'must be text: put it in quotes' }).min(1, 'is empty');

const connection = z.strictObject({
  host: text,
  port: whole(1, 65_535).default(5432),
  database: text,
  user: text,
  /** PGPASSWORD where it is left out. */
  password: z.string({ error: 'must be text: put it in quotes' }).optional(),
  sslmode: z.enum(SSL_MODES, { error: `must be one of ${SSL_MODES.join(', ')}` }).optional(),
  /** File of certificate authorities, as libpq calls it. */
  sslrootcert: text.optional(),
});

const pool = z
  .strictObject({
    min_size: whole(0, 10_000).default(5),
    max_size: whole(1, 10_000).default(20),
    /** Seconds that a connection may take. */
    timeout: whole(1, 3600).default(30),
  })
  .refine(({ min_size, max_size }) => min_size <= max_size, {
    error: 'is larger than max_size',
    path: ['min_size'],
  });

export const ConfigFields = z.strictObject({
  database: z
    .strictObject({
      type: z.literal('postgresql', { error: 'must be postgresql' }).optional(),
      connection,
      pool: pool.optional(),
    })
    .optional(),
  storage: z
    .strictObject({
      vector_store: z.enum(VECTOR_STORES, { error: `must be one of ${VECTOR_STORES.join(', ')}` }),
    })
    .optional(),
  chromadb: z
    .strictObject({
      /** Address of a Chroma server … */
      url: z
        .string()
        .regex(/^https?:\/\/\S+$/, 'must be an address like http://HOST:8000')
        .optional(),
      /** … or folder of Chroma's own PersistentClient. */
      path: text.optional(),
      headers: z.record(z.string(), z.string({ error: 'must be text: put it in quotes' })).optional(),
    })
    .refine(({ url, path }) => (url === undefined) !== (path === undefined), {
      error: 'needs either url or path',
    })
    .optional(),
});
export type ConfigFields = z.infer<typeof ConfigFields>;
