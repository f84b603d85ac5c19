import { type Document, isMap, isScalar, parseDocument } from 'yaml';
import { UsageError } from '../command-line/options.ts';
import type { VectorStore } from './fields.ts';

/** What the application's configuration shall say. */
export interface Wanted {
  to: VectorStore;
  /** Address of the database; what the file says of it stays if it is left out. */
  target?: string | undefined;
  targetCa?: string | undefined;
  /** Address or folder of Chroma, likewise. */
  source?: string | undefined;
}

/** A setting that the file does not have as it should. */
export interface Change {
  setting: string;
  /** null if it is not there. What may be a secret is not repeated. */
  from: string | null;
  /** null if it goes. */
  to: string | null;
}

export interface Switched {
  text: string;
  /** Empty if the file says all of it already; then the text is the file's own. */
  changes: Change[];
  /** Variables that the password stands for. */
  passwordVariables: string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The guide's variable. */
const PASSWORD = `\${POSTGRES_PASSWORD}`;
const HIDDEN = '(not shown)';
const POOL = { min_size: 5, max_size: 20, timeout: 30 };
const VARIABLE = /\$\{([^}]*)\}/g;

/**
 * Writes `storage: vector_store` and, as far as they are named, `database` and `chromadb` into a configuration. All
 * other keys and the comments stay. A password is only ever written as a variable.
 *
 * @param path for sentences
 * @throws UsageError if it is no YAML, or holds something else in the place of these settings
 */
export function switchConfig(
  text: string,
  path: string,
  wanted: Wanted,
  environment: Environment = process.env,
): Switched {
  const document = parseDocument(text, { intAsBigInt: true });
  const [broken] = document.errors;
  if (broken) throw new UsageError([`${path} is no YAML: ${broken.message.split('\n')[0]}`]);
  const settings = new Settings(document, path, environment);
  if (wanted.to === 'postgresql') {
    settings.set(['database', 'type'], 'postgresql');
    if (wanted.target) setTarget(settings, new URL(wanted.target), wanted.targetCa);
    settings.hidePassword();
  }
  if (wanted.source) setSource(settings, wanted.source);
  settings.set(['storage', 'vector_store'], wanted.to);
  const { changes } = settings;
  return {
    text: changes.length === 0 ? text : written(document, text),
    changes,
    passwordVariables: variablesOf(settings.textAt(PASSWORD_PATH)),
  };
}

const CONNECTION = ['database', 'connection'];
const PASSWORD_PATH = [...CONNECTION, 'password'];

function setTarget(settings: Settings, url: URL, authority: string | undefined): void {
  const set = (name: string, value: string | number) => settings.set([...CONNECTION, name], value);
  const isNew = settings.textAt([...CONNECTION, 'host']) === undefined;
  set('host', url.hostname.replace(/^\[(.*)\]$/, '$1'));
  set('port', Number(url.port || 5432));
  set('database', decodeURIComponent(url.pathname.slice(1)));
  set('user', decodeURIComponent(url.username) || 'postgres');
  if (url.password && settings.textAt(PASSWORD_PATH) === undefined) set('password', PASSWORD);
  const mode = url.searchParams.get('sslmode');
  if (mode) set('sslmode', mode);
  if (authority) set('sslrootcert', authority);
  if (isNew)
    for (const [name, value] of Object.entries(POOL)) settings.add(['database', 'pool', name], value);
}

/** @throws UsageError if the address holds a password: it would stand in the file */
function setSource(settings: Settings, source: string): void {
  const isServer = /^https?:/.test(source);
  if (isServer && URL.parse(source)?.password)
    throw new UsageError([
      '--source holds a password, which is not written into a file: leave it out of the address and pass --source-header',
    ]);
  settings.set(['chromadb', isServer ? 'url' : 'path'], source);
  settings.remove(['chromadb', isServer ? 'path' : 'url']);
}

const variablesOf = (text: string | undefined): string[] =>
  Array.from((text ?? '').matchAll(VARIABLE), ([, name]) => name as string);

/** The settings of a document, and what was changed in them. */
class Settings {
  readonly changes: Change[] = [];
  readonly #document: Document.Parsed;
  readonly #path: string;
  readonly #environment: Environment;

  constructor(document: Document.Parsed, path: string, environment: Environment) {
    this.#document = document;
    this.#path = path;
    this.#environment = environment;
  }

  textAt(path: string[]): string | undefined {
    const value = this.#has(path) ? this.#document.getIn(path) : undefined;
    return value === undefined || value === null ? undefined : String(value);
  }

  /** A variable that stands for the value stays. */
  set(path: string[], value: string | number): void {
    const before = this.textAt(path);
    if (before !== undefined && this.#filled(before) === String(value)) return;
    this.#write(path, value, before);
  }

  /** Where there is none yet. */
  add(path: string[], value: string | number): void {
    if (this.textAt(path) === undefined) this.#write(path, value, undefined);
  }

  remove(path: string[]): void {
    const before = this.textAt(path);
    if (before === undefined) return;
    this.#document.deleteIn(path);
    this.changes.push({ setting: path.join('.'), from: before, to: null });
  }

  /** A password that stands in the file gives way to a variable. */
  hidePassword(): void {
    const before = this.textAt(PASSWORD_PATH);
    if (before === undefined || variablesOf(before).length > 0) return;
    this.#write(PASSWORD_PATH, PASSWORD, HIDDEN);
  }

  #write(path: string[], value: string | number, before: string | undefined): void {
    this.#makeRoom(path);
    const node = this.#document.getIn(path, true);
    // The scalar keeps its comment and its quotes.
    if (isScalar(node)) node.value = value;
    else this.#document.setIn(path, value);
    this.changes.push({ setting: path.join('.'), from: before ?? null, to: String(value) });
  }

  /** What holds the setting holds settings, or nothing yet. @throws UsageError */
  #makeRoom(path: string[]): void {
    for (let depth = 0; depth < path.length; depth++) {
      const above = path.slice(0, depth);
      const node = depth === 0 ? this.#document.contents : this.#document.getIn(above, true);
      if (node === undefined || isMap(node)) continue;
      const isEmpty = node === null || (isScalar(node) && node.value === null);
      if (!isEmpty)
        throw new UsageError([`${this.#path}: ${above.join('.') || 'the file'} must hold settings`]);
      if (depth > 0) this.#document.setIn(above, this.#document.createNode({}));
    }
  }

  #has(path: string[]): boolean {
    const above = path.slice(0, -1);
    return isMap(above.length === 0 ? this.#document.contents : this.#document.getIn(above, true));
  }

  #filled(text: string): string {
    return text.replaceAll(VARIABLE, (whole, name: string) => this.#environment[name] ?? whole);
  }
}

/** The document in the file's own manner, as far as it shows one. */
function written(document: Document.Parsed, text: string): string {
  const indent = /^[^\s#-][^\n]*:[^\n]*\r?\n( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;
  const edited = document.toString({
    indent,
    lineWidth: 0,
    // The package can leave lists at their key's indentation only where that is of two.
    indentSeq: indent !== 2 || !/^( *)[^\s#-][^\n]*:\r?\n\1- /m.test(text),
    flowCollectionPadding: !/[{[][^\s{}[\]]/.test(text),
  });
  return text.includes('\r\n') ? edited.replaceAll(/\r?\n/g, '\r\n') : edited;
}
