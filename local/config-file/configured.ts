import { type Options, UsageError } from '../command-line/options.ts';
import { SOURCE_OF_CONFIG, TARGET_OF_CONFIG } from '../command-line/values.ts';
import type { ConfigFile } from './read-config.ts';

/** Chroma's own default address. */
const LOCAL_CHROMA = 'http://localhost:8000';

/**
 * Fills in what the configuration says where the options say nothing: source and target, as far as the command has
 * them.
 *
 * @throws UsageError naming what neither says
 */
export function configured<V extends Record<string, unknown>>(options: Options, values: V): V {
  // The file that `switch` writes is not what the command goes by.
  if (!('config' in options) || typeof values.config === 'string') return values;
  const config = values.config as ConfigFile | undefined;
  const { chromadb, database } = config?.fields ?? {};
  const filled: Record<string, unknown> = { ...values };
  const mistakes: string[] = [];
  const told: Record<string, unknown> = {
    source: chromadb?.url ?? chromadb?.path,
    target: config?.target,
  };
  const isNeeded = (name: string) => {
    const { required = false } = options[name] ?? {};
    if (typeof required === 'boolean') return required;
    // What else would do in its place, for one a certificate; the configuration may have it too.
    return !required.some((other) => other !== 'config' && (values[other] ?? told[other]) !== undefined);
  };
  const lacks = (option: string, section: string) =>
    `--${option} is missing, and ${config ? `${config.path} has no ${section}` : 'there is no --config'}`;
  if ('source' in options && options.source?.required !== true) {
    const asked = values.source === SOURCE_OF_CONFIG;
    const source = (asked ? undefined : values.source) ?? chromadb?.url ?? chromadb?.path;
    filled.source = source ?? (asked && !config ? LOCAL_CHROMA : undefined);
    filled.sourceHeader = values.sourceHeader ?? chromadb?.headers;
    const isServer = /^https?:/.test(String(filled.source));
    if (filled.source === undefined) isNeeded('source') && mistakes.push(lacks('source', 'chromadb'));
    else if (!isServer && options.source?.value === 'URL')
      mistakes.push(
        `${config?.path} names a folder as chromadb: start a server on it (chroma run --path …) and pass its address as --source`,
      );
  }
  if ('target' in options) {
    const asked = values.target === TARGET_OF_CONFIG;
    filled.target = (asked ? undefined : values.target) ?? config?.target;
    filled.targetCa = values.targetCa ?? database?.connection.sslrootcert;
    if (filled.target === undefined && (isNeeded('target') || asked))
      mistakes.push(lacks('target', 'database'));
  }
  if (mistakes.length > 0) throw new UsageError(mistakes);
  return filled as V;
}
