import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';

/** Settings from the command line and the environment are text, so numbers, truths and lists are read from it too. */
const whole = (least: number, most: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
    z
      .int({ error: 'use a whole number' })
      .min(least, `use ${least} or more`)
      .max(most, `use ${most} or less`),
  );
const truth = z.union([z.boolean(), z.stringbool()], { error: 'use true or false' });
const list = <Element extends z.ZodType>(element: Element) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
    z.array(element, { error: 'use a list, or names with commas between' }),
  );
const text = (pattern: RegExp, advice: string) => z.string({ error: advice }).regex(pattern, advice);
const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `use ${words.join(' or ')}` });
const arn = (service: string, example: string) =>
  text(new RegExp(`^arn:aws[\\w-]*:${service}:[a-z0-9-]+:\\d{12}:.+$`), `use an ARN such as ${example}`);
const name = text(
  /^[a-z][a-z0-9_]{0,62}$/,
  'use lower-case letters, digits and underscores, first a letter, 63 at most',
);
const securityGroup = text(/^sg-[0-9a-f]+$/, 'use the id of a security group, such as sg-0123456789abcdef0');

const KEPT_DAYS = Object.values(RetentionDays).filter(
  (days): days is number => typeof days === 'number' && days <= 3653,
);

/** A VPC that is there already. It is not looked up, so that `cdk synth` needs no account. */
const vpcFields = {
  id: text(/^vpc-[0-9a-f]+$/, 'use the id of a VPC, such as vpc-0123456789abcdef0'),
  /** Zones of the subnets, in their order. */
  availabilityZones: list(text(/^[a-z0-9-]+$/, 'use zones such as eu-central-1a')),
  /** Subnets for the functions, and for the database if the stack makes one: one a zone. */
  subnetIds: list(text(/^subnet-[0-9a-f]+$/, 'use ids of subnets, such as subnet-0123456789abcdef0')),
  /** Route tables of these subnets that have no way to S3 yet: they get its gateway endpoint. Empty: they have one. */
  routeTableIds: list(
    text(/^rtb-[0-9a-f]+$/, 'use ids of route tables, such as rtb-0123456789abcdef0'),
  ).default([]),
};

/** A database that is there already, on RDS or Aurora. IAM authentication must be on. */
const existingDatabaseFields = {
  engine: oneOf('rds', 'aurora').default('rds'),
  /** Of an Aurora cluster, its writer's. */
  endpoint: text(/^[A-Za-z0-9.-]+$/, 'use the name of the host alone, without a scheme or a port'),
  port: whole(1, 65_535).default(5432),
  /** The database's own; it gets a rule that lets the functions in. */
  securityGroupId: securityGroup,
  /** IAM knows the database by it, not by its name: DbiResourceId, or DbClusterResourceId of Aurora. */
  resourceId: text(
    /^(db|cluster)-[A-Z0-9]+$/,
    'use the resource id, such as db-ABCDEFGHIJKL01234 or cluster-ABCDEFGHIJKL01234',
  ),
  /** Secret with `username` and `password` of somebody who may create roles; read once, to make the migration's. */
  secretArn: arn('secretsmanager', 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:name-AbCdEf'),
  /** With both of these the workflow may tune an RDS instance; without, it sets the database's search settings only. */
  instanceIdentifier: text(/^[A-Za-z][A-Za-z0-9-]{0,62}$/, "use the instance's name")
    .nullable()
    .default(null),
  parameterGroup: text(
    /^(?!default\.)[A-Za-z][A-Za-z0-9-]{0,254}$/,
    "use a parameter group of your own, since RDS's default ones cannot be changed",
  )
    .nullable()
    .default(null),
};

/** All that can be set. What has no value means: not used. Each comment says what changing it later costs, if anything. */
export const FIELDS = {
  /** Address of the Chroma server that is read. The one thing without a default. */
  chromaUrl: z
    .url({ protocol: /^https?$/, error: 'use http://host:port or https://host' })
    .refine((url) => !/^\w+:\/\/[^/]*@/.test(url), {
      error:
        'a template shows everybody what stands in it: put credentials into a secret and name it as chromaSecretArn',
    })
    .nullable()
    .default(null),
  /** `public`: read from outside the VPC. `vpc`: Chroma stands in `vpc`, and the functions that read it move in. */
  chromaNetwork: oneOf('public', 'vpc').default('public'),
  /** A private Chroma's own; it gets a rule that lets the functions in. */
  chromaSecurityGroupId: securityGroup.nullable().default(null),
  /** Secret with a token, or with a JSON object of headers, read at run time. */
  chromaSecretArn: arn(
    'secretsmanager',
    'arn:aws:secretsmanager:eu-central-1:111122223333:secret:chroma-AbCdEf',
  )
    .nullable()
    .default(null),
  /** Tenants and databases to look in, unless an execution's input names others. */
  chromaTenants: list(z.string().min(1)).default([]),
  chromaDatabases: list(z.string().min(1)).default([]),

  /** Instance class without `db.`. r7g.large has 16 GiB. A change restarts the database. */
  instanceClass: text(/^[a-z]\w*\.\w+$/, 'use a class such as r7g.large').default('r7g.large'),
  /** Storage at first, in GiB of gp3; 20 is RDS's least. Growing costs nothing but time, shrinking is not possible. */
  storageGib: whole(20, 65_536).default(100),
  /** The storage grows by itself up to this, in GiB. */
  maxStorageGib: whole(20, 65_536).default(1000),
  /** A second instance in another zone, which takes over in a minute or two. Doubles the cost, slows the load. */
  multiAz: truth.default(false),
  /** Major version. A higher one later is an upgrade with minutes of standstill; a lower one is not possible. */
  postgresVersion: z
    .preprocess((value) => (typeof value === 'number' ? String(value) : value), oneOf('17', '18'))
    .default('17'),
  /** Days that RDS keeps its daily backups. */
  backupDays: whole(1, 35).default(7),
  /** Name of the database that the collections arrive in. */
  databaseName: name.default('vectors'),
  /** Postgres role that the functions connect as with IAM authentication. */
  databaseUser: name.default('chroma_migration'),
  vpc: z.strictObject(vpcFields).nullable().default(null),
  existingDatabase: z.strictObject(existingDatabaseFields).nullable().default(null),

  /** Vector bytes of a shard in MiB, unless an execution's input says otherwise, as for the next four. */
  shardMib: whole(1, 1024).default(64),
  /** Shards at the same time. */
  concurrency: whole(1, 1000).default(8),
  /** Tables that collections arrive in: docs/layouts.md. */
  layout: oneOf('guide', 'flat', 'shared', 'langchain', 'llamaindex').default('guide'),
  onReject: oneOf('fail', 'quarantine', 'repair').default('fail'),
  /** Which recommended parameters are set; by default all on an instance of the stack's own, else the search settings. */
  tune: oneOf('apply', 'search', 'report', 'off').nullable().default(null),
  /** Whether the instance may be restarted for parameters that need it. */
  allowReboot: truth.default(false),
  /** Memory of the functions that export and import a shard, in MB. They stream, so it does not grow with the shard. */
  shardMemoryMb: whole(256, 10_240).default(512),

  /** Days that the functions' and the executions' logs are kept. */
  logRetentionDays: whole(1, 3653)
    .refine((days) => KEPT_DAYS.includes(days), `use a number that CloudWatch knows: ${KEPT_DAYS.join(', ')}`)
    .default(90),
  /** Days that the bucket keeps what a run left there, its report too. A redrive, possible for 14 days, reads it. */
  storeRetentionDays: whole(15, 3650).default(90),
  /** Gets the notification at a run's end and the alarms, once it has confirmed. */
  alarmEmail: z.email({ error: 'use an address such as team@example.com' }).nullable().default(null),
  /** Customer key for the bucket, the database, the logs and the topic; AWS's own keys otherwise. A new database's key cannot be changed. */
  kmsKeyArn: arn('kms', 'arn:aws:kms:eu-central-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef')
    .nullable()
    .default(null),
  /** What `cdk destroy` does with the database and the bucket. `delete` deletes them without a last snapshot. */
  onDestroy: oneOf('keep', 'delete').default('keep'),
};

/** Keys of the settings that have settings of their own. */
export const NESTED = { vpc: vpcFields, existingDatabase: existingDatabaseFields };

export type Fields = { readonly [Key in keyof typeof FIELDS]: z.infer<(typeof FIELDS)[Key]> };
/** The same for whoever writes TypeScript: all but the innermost necessities may be left out. */
export type FieldsAsWritten = Partial<Omit<Fields, 'vpc' | 'existingDatabase'>> & {
  readonly vpc?: Optional<NonNullable<Fields['vpc']>, 'routeTableIds'> | null;
  readonly existingDatabase?: Optional<
    NonNullable<Fields['existingDatabase']>,
    'engine' | 'port' | 'instanceIdentifier' | 'parameterGroup'
  > | null;
};

type Optional<Whole, Keys extends keyof Whole> = Omit<Whole, Keys> & Partial<Pick<Whole, Keys>>;
