/**
 * Metadata as Postgres will print it. The checksum covers `metadata::text`, so the exporter must know that
 * text before Postgres has seen it: jsonb orders keys by length, then bytes, puts one space after `:` and
 * `,`, and prints numbers as numeric. Sources: PostgreSQL's jsonb_util.c (lengthCompareJsonbStringValue),
 * json.c (escape_json), numeric.c (get_str_from_var).
 *
 * JSON.parse is no help here: it rounds integers over 2^53 and makes 1.0 an integer.
 */
import { numericText } from './numeric-text.ts';

/** A metadata value of the top level, for the columns of the guide. */
export interface Entry {
  kind: 'string' | 'number' | 'other';
  /** The canonical text: for a string with its quotes. */
  text: string;
}

export interface CanonicalMetadata {
  text: string;
  entries: Map<string, Entry>;
}

/** Strings of the metadata that Postgres cannot hold. */
export class UnholdableText extends Error {
  override readonly name = 'UnholdableText';
  readonly reason: 'nul' | 'lone-surrogate';
  constructor(reason: 'nul' | 'lone-surrogate') {
    super(reason);
    this.reason = reason;
  }
}

/**
 * @param json the text of a JSON object as Chroma sent it
 * @throws UnholdableText @throws SyntaxError
 */
export function canonicalMetadata(json: string): CanonicalMetadata {
  const reader = new Reader(json);
  const entries = reader.object();
  reader.end();
  return { text: objectText(entries), entries };
}

const objectText = (entries: Map<string, Entry>): string => {
  if (entries.size === 0) return '{}';
  const keys = [...entries.keys()].sort(byLengthThenBytes);
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${entries.get(key)!.text}`).join(', ')}}`;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\x00-\x7f]*$/;

function byLengthThenBytes(a: string, b: string): number {
  if (ASCII.test(a) && ASCII.test(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length - right.length || Buffer.compare(left, right);
}

class Reader {
  readonly #json: string;
  #at = 0;

  constructor(json: string) {
    this.#json = json;
  }

  object(): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    this.#expect('{');
    if (this.#take('}')) return entries;
    do {
      this.#space();
      const key = decoded(this.#rawString());
      this.#expect(':');
      // As in jsonb, the last of several equal keys wins.
      entries.set(key, this.#value());
    } while (this.#take(','));
    this.#expect('}');
    return entries;
  }

  end(): void {
    this.#space();
    if (this.#at !== this.#json.length) throw new SyntaxError(`more text at ${this.#at}`);
  }

  #value(): Entry {
    this.#space();
    const first = this.#json[this.#at];
    if (first === '"') return { kind: 'string', text: canonicalString(this.#rawString()) };
    if (first === '{') return { kind: 'other', text: objectText(this.object()) };
    if (first === '[') return { kind: 'other', text: this.#array() };
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#json)?.[0];
    if (word === undefined) throw new SyntaxError(`no value at ${this.#at}`);
    this.#at += word.length;
    if (word === 'true' || word === 'false' || word === 'null') return { kind: 'other', text: word };
    return { kind: 'number', text: numericText(word) };
  }

  #array(): string {
    const elements: string[] = [];
    this.#expect('[');
    if (this.#take(']')) return '[]';
    do elements.push(this.#value().text);
    while (this.#take(','));
    this.#expect(']');
    return `[${elements.join(', ')}]`;
  }

  /** The string at the cursor with its quotes, as it stands. */
  #rawString(): string {
    STRING.lastIndex = this.#at;
    const raw = STRING.exec(this.#json)?.[0];
    if (raw === undefined) throw new SyntaxError(`no string at ${this.#at}`);
    this.#at += raw.length;
    return raw;
  }

  #space(): void {
    while (' \n\r\t'.includes(this.#json[this.#at] ?? 'x')) this.#at++;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#json[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw new SyntaxError(`expected '${character}' at ${this.#at}`);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings exclude exactly these
const STRING = /"[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*"/y;
const WORD = /true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Without a backslash a JSON string is already what Postgres prints. */
const canonicalString = (raw: string): string => (raw.includes('\\') ? JSON.stringify(decoded(raw)) : raw);

function decoded(raw: string): string {
  if (!raw.includes('\\')) return raw.slice(1, -1);
  const text = JSON.parse(raw) as string;
  if (text.includes('\0')) throw new UnholdableText('nul');
  if (!text.isWellFormed()) throw new UnholdableText('lone-surrogate');
  return text;
}
