/** The configurations that people have, by name; each is synthesized once a file. */
import { type Synthesized, synthesize } from './synthesize.ts';

const ACCOUNT = '111122223333';
export const KEY = `arn:aws:kms:eu-central-1:${ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef`;
export const CHROMA_SECRET = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:chroma-AbCdEf`;
export const MASTER_SECRET = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:master-AbCdEf`;
export const DATABASE_GROUP = 'sg-0123456789abcdef0';
export const CHROMA_GROUP = 'sg-0fedcba9876543210';

const chromaUrl = 'https://chroma.test:8000';
const vpc = {
  'vpc.id': 'vpc-0123456789abcdef0',
  'vpc.availabilityZones': 'eu-central-1a,eu-central-1b',
  'vpc.subnetIds': 'subnet-0123456789abcdef0,subnet-0fedcba9876543210',
  'vpc.routeTableIds': 'rtb-0123456789abcdef0',
};
const database = {
  ...vpc,
  'existingDatabase.endpoint': 'vectors.test',
  'existingDatabase.port': '5433',
  'existingDatabase.securityGroupId': DATABASE_GROUP,
  'existingDatabase.secretArn': MASTER_SECRET,
};
const privateChroma = { ...vpc, chromaNetwork: 'vpc', chromaSecurityGroupId: CHROMA_GROUP };

const CONTEXTS = {
  default: {},
  'existing VPC': vpc,
  'existing RDS': { ...database, 'existingDatabase.resourceId': 'db-ABCDEFGH' },
  'existing RDS, tuned': {
    ...database,
    'existingDatabase.resourceId': 'db-ABCDEFGH',
    'existingDatabase.instanceIdentifier': 'vectors',
    'existingDatabase.parameterGroup': 'vectors-postgres17',
    tune: 'apply',
  },
  'existing Aurora': {
    ...database,
    'existingDatabase.engine': 'aurora',
    'existingDatabase.resourceId': 'cluster-ABCDEFGH',
  },
  'private Chroma': privateChroma,
  'private Chroma with a token': { ...privateChroma, chromaSecretArn: CHROMA_SECRET },
  'public Chroma with a token': { chromaSecretArn: CHROMA_SECRET },
  'customer key': { kmsKeyArn: KEY },
  'Multi-AZ, PostgreSQL 18': { multiAz: 'true', postgresVersion: '18', alarmEmail: 'team@example.com' },
  'deleted with the stack': { onDestroy: 'delete' },
} satisfies Record<string, Record<string, string>>;

export type Alternative = keyof typeof CONTEXTS;
export const ALTERNATIVES = Object.keys(CONTEXTS) as Alternative[];

const synthesized = new Map<Alternative, Synthesized>();

export function alternative(name: Alternative): Synthesized {
  const made = synthesized.get(name) ?? synthesize({ chromaUrl, ...CONTEXTS[name] });
  synthesized.set(name, made);
  return made;
}
