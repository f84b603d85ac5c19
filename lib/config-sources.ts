import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from 'constructs';
import { parse } from 'yaml';
import type { UntrustedConfig } from './config.ts';
import { FIELDS, NESTED } from './config-fields.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where to look besides the construct tree's context. */
export interface ConfigSources {
  readonly environment?: Environment;
  /** Folder that `config/<name>.yaml` lies below; the one that the app runs in by default. */
  readonly folder?: string;
}

/**
 * Gathers what was said, the nearest word first: `-c key=value` (and cdk.json), then `CHROMA_TO_PGVECTOR_KEY` in
 * the environment, then the file `config/<name>.yaml` that `-c config=<name>` names. A setting within another is
 * `vpc.id` in context and `CHROMA_TO_PGVECTOR_VPC_ID` in the environment.
 *
 * @throws Error if the file is not there or is no YAML
 */
export function gatherConfig(node: Node, { environment = {}, folder }: ConfigSources = {}): UntrustedConfig {
  const said = (path: string) => node.tryGetContext(path) ?? environment[variableOf(path)];
  const file = said('config');
  const gathered: Record<string, unknown> = file === undefined ? {} : readFile(file, folder ?? process.cwd());
  for (const key of Object.keys(FIELDS)) gathered[key] = said(key) ?? gathered[key];
  for (const [key, fields] of Object.entries(NESTED)) {
    const inner = Object.fromEntries(
      Object.keys(fields)
        .map((name) => [name, said(`${key}.${name}`)])
        .filter(([, value]) => value !== undefined),
    );
    if (Object.keys(inner).length > 0) gathered[key] = { ...(gathered[key] as object | undefined), ...inner };
  }
  return gathered;
}

/** `vpc.routeTableIds` → `CHROMA_TO_PGVECTOR_VPC_ROUTE_TABLE_IDS` */
export const variableOf = (path: string): string =>
  `CHROMA_TO_PGVECTOR_${path.replace(/(?<=[a-z])(?=[A-Z])|\./g, '_').toUpperCase()}`;

function readFile(name: unknown, folder: string): Record<string, unknown> {
  const path = join(folder, 'config', `${name}.yaml`);
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name) || !existsSync(path))
    throw new Error(
      `There is no configuration ${JSON.stringify(name)}: -c config=NAME reads config/NAME.yaml, so name one that is there.`,
    );
  const settings: unknown = parseYaml(readFileSync(path, 'utf8'), path);
  if (settings === null) return {};
  if (typeof settings !== 'object' || Array.isArray(settings))
    throw new Error(`${path} must hold settings, one "key: value" a line.`);
  return { ...settings };
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // Below its first line it shows the lines around the mistake, which may hold anything.
    const [where] = (error as Error).message.split('\n');
    throw new Error(`${path} is no YAML: ${where}`);
  }
}
