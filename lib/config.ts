import type { z } from 'zod';
import { FIELDS, type Fields, type FieldsAsWritten } from './config-fields.ts';

/** Stands where no address was given, so that `cdk synth` works without any; nothing listens there. */
export const EXAMPLE_CHROMA_URL = 'https://chroma.example.com';

/** What somebody wrote, not yet trusted. */
export type UntrustedConfig = Readonly<Record<string, unknown>>;
/** The same as a construct's properties: typed, but with everything optional. */
export type MigrationSettings = FieldsAsWritten;

export interface MigrationConfig extends Omit<Fields, 'chromaUrl' | 'tune'> {
  readonly chromaUrl: string;
  /** False if `chromaUrl` is only the example's: such a stack synthesizes, but has nothing to read. */
  readonly chromaUrlGiven: boolean;
  readonly tune: NonNullable<Fields['tune']>;
}

interface Mistake {
  /** `storageGib`, `vpc.id` */
  path: string;
  value: unknown;
  advice: string;
}

/**
 * Untrusted → parsed, with the default of everything that was not said.
 * @throws Error whose one message names every mistake, its value and what would be right
 */
export function parseConfig(untrusted: UntrustedConfig): MigrationConfig {
  const mistakes: Mistake[] = unknownKeys(untrusted);
  const parsed: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(FIELDS)) {
    const result = (field as z.ZodType).safeParse(untrusted[key]);
    if (result.success) parsed[key] = result.data;
    else mistakes.push(...result.error.issues.map((issue) => mistakeOf(key, untrusted[key], issue)));
  }
  // What is not understood is absent here, and a rule that needs it holds its peace.
  mistakes.push(...contradictions(parsed as Partial<Fields>));
  if (mistakes.length > 0) throw new Error(sentenceOf(mistakes));
  return deepFreeze(withDerived(parsed as Fields));
}

function withDerived({ chromaUrl, tune, ...rest }: Fields): MigrationConfig {
  // A server that may serve others is not retuned unasked.
  const tunedByDefault = rest.existingDatabase === null ? 'apply' : 'search';
  return {
    ...rest,
    chromaUrl: chromaUrl ?? EXAMPLE_CHROMA_URL,
    chromaUrlGiven: chromaUrl !== null,
    tune: tune ?? tunedByDefault,
  };
}

function unknownKeys(untrusted: UntrustedConfig): Mistake[] {
  return Object.keys(untrusted)
    .filter((key) => !(key in FIELDS))
    .map((path) => ({ path, value: NOT_SHOWN, advice: 'there is no such setting' }));
}

function mistakeOf(key: string, whole: unknown, issue: z.core.$ZodIssue): Mistake {
  let value = whole;
  for (const part of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
  const path = [key, ...issue.path].join('.');
  if (issue.code === 'unrecognized_keys')
    return { path: `${path}.${issue.keys[0]}`, value: NOT_SHOWN, advice: 'there is no such setting' };
  return { path, value, advice: issue.message };
}

/** Settings that are right each by itself and wrong together. */
function contradictions(config: Partial<Fields>): Mistake[] {
  const { storageGib = 0, maxStorageGib = Number.POSITIVE_INFINITY, vpc, existingDatabase } = config;
  const rules: [wrong: boolean, path: keyof Fields, advice: string][] = [
    [
      maxStorageGib < storageGib,
      'maxStorageGib',
      `it is less than storageGib ${storageGib}: use as much or more`,
    ],
    [
      Boolean(existingDatabase) && vpc === null,
      'existingDatabase',
      'the functions have to stand in its VPC: name that as vpc',
    ],
    [
      config.chromaNetwork === 'vpc' && vpc === null,
      'chromaNetwork',
      'the functions have to stand in the VPC of Chroma: name that as vpc',
    ],
    [
      Boolean(config.chromaSecurityGroupId) && config.chromaNetwork === 'public',
      'chromaSecurityGroupId',
      'it is of use with chromaNetwork vpc only',
    ],
    [
      config.chromaNetwork === 'vpc' && config.chromaSecurityGroupId === null,
      'chromaNetwork',
      'name the security group of Chroma as chromaSecurityGroupId, so that the functions may reach it',
    ],
    [
      Boolean(vpc && vpc.subnetIds.length !== vpc.availabilityZones.length),
      'vpc',
      'name one subnet for each availability zone, in the same order',
    ],
    [
      Boolean(vpc && !existingDatabase && vpc.subnetIds.length < 2),
      'vpc',
      'RDS asks for subnets in two zones at least: name two',
    ],
    [
      Boolean(
        existingDatabase &&
          Boolean(existingDatabase.parameterGroup) !== Boolean(existingDatabase.instanceIdentifier),
      ),
      'existingDatabase',
      'name both instanceIdentifier and parameterGroup to have it tuned, or neither',
    ],
    [
      existingDatabase?.engine === 'aurora' && existingDatabase.parameterGroup !== null,
      'existingDatabase',
      "Aurora's storage does without the parameters that are tuned here: leave parameterGroup and instanceIdentifier away",
    ],
    [
      config.tune === 'apply' && existingDatabase?.parameterGroup === null,
      'tune',
      'name existingDatabase.parameterGroup and .instanceIdentifier, or use search',
    ],
  ];
  return rules.filter(([wrong]) => wrong).map(([, path, advice]) => ({ path, value: config[path], advice }));
}

function sentenceOf(mistakes: readonly Mistake[]): string {
  const each = mistakes.map(({ path, value, advice }) => `  ${path} = ${shown(path, value)}: ${advice}`);
  return ['The configuration is not understood:', ...each].join('\n');
}

/** Somebody may have thought of a setting of his own for a token. */
const NOT_SHOWN = Symbol('a value that is not shown');

/** A value for a sentence, without what may be a password: a secret's name may have been taken for its place. */
function shown(path: string, value: unknown): string {
  if (value === undefined) return '(nothing)';
  if (value === NOT_SHOWN || /secret/i.test(path)) return '…';
  if (typeof value === 'string')
    return JSON.stringify(path === 'alarmEmail' ? value : value.replace(/^(\w+:\/\/)?.*@/s, '$1…@'));
  return typeof value === 'object' && value !== null ? '{…}' : JSON.stringify(value);
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
