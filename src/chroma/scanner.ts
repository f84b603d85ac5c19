import { nearestFloat32 } from './float32.ts';
import { type Embeddings, Spans } from './scan-page.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
const LETTER_N = 0x6e;
const LETTER_U = 0x75;
const ESCAPE = /^(?:["\\/bfnrt]|u[\dA-Fa-f]{4})$/;

/** Bytes behind a point that are read as digits in one go. */
const DECIMALS_AT_ONCE = 12;
/** Integers below it are exact in a double. */
const EXACT_BELOW = 2 ** 53;
const FOUR_ZEROS = 0x30303030;
/** Deeper nesting than this is no metadata but an attack on the stack. */
const MAX_DEPTH = 100;

/** A cursor over the bytes of one JSON text. Errors are plain: the caller says what the text was. */
export class Scanner {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Visits an object's members; `visit` must consume the value. */
  members(visit: (key: string) => void): void {
    this.#expect(OPEN_BRACE);
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const start = this.#space();
      this.#string();
      const key = JSON.parse(this.#bytes.toString('utf8', start, this.#at)) as string;
      this.#expect(COLON);
      visit(key);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACE);
  }

  /** Where the elements of an array lie. @param spans for them; what was in it is gone */
  elements(spans = new Spans()): Spans {
    spans.clear();
    this.#expect(OPEN_BRACKET);
    if (this.#take(CLOSE_BRACKET)) return spans;
    do this.span(spans);
    while (this.#take(COMMA));
    this.#expect(CLOSE_BRACKET);
    return spans;
  }

  /** An array of arrays of numbers, as float32. @param room for them; what is too small is replaced */
  matrix(room: Float32Array, spans?: Spans): Embeddings {
    const result = emptyEmbeddings(room, spans);
    this.#expect(OPEN_BRACKET);
    if (this.#take(CLOSE_BRACKET)) return result;
    do this.embedding(result);
    while (this.#take(COMMA));
    this.#expect(CLOSE_BRACKET);
    return result;
  }

  /** Adds one array of numbers to `result`. A component may be null, and the whole array too. */
  embedding(result: Embeddings): void {
    const start = this.#space();
    const from = result.offsets.at(-1)!;
    let count = 0;
    if (this.#bytes[start] === LETTER_N) {
      this.skip();
      result.spans.add(-1, this.#at);
      result.finite.push(false);
    } else {
      count = this.#row(result, from);
      result.spans.add(start, this.#at);
    }
    result.offsets.push(from + count);
  }

  /** Adds where the next value lies to `spans`; a null has start −1. */
  span(spans: Spans): void {
    const start = this.#space();
    const isNull = this.#bytes[start] === LETTER_N;
    this.skip();
    spans.add(isNull ? -1 : start, this.#at);
  }

  /** The byte with which the next value begins. */
  nextByte(): number | undefined {
    return this.#bytes[this.#space()];
  }

  /** Whether nothing but space is left. */
  atEnd(): boolean {
    return this.#space() === this.#bytes.length;
  }

  /** Whether a null stands here; if so it is consumed. */
  isNull(): boolean {
    if (this.#bytes[this.#space()] !== LETTER_N) return false;
    this.skip();
    return true;
  }

  /** Steps over one value. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) throw new SyntaxError('nested too deeply');
    const first = this.#bytes[this.#space()];
    if (first === QUOTE) return this.#string();
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return this.#skipContainer(first, depth);
    const start = this.#at;
    while (isOfWord(this.#bytes[this.#at])) this.#at++;
    // A word is checked by the parser that everyone trusts: true, false, null or a number.
    JSON.parse(this.#bytes.toString('latin1', start, this.#at));
  }

  /** Nothing but space may follow. */
  end(): void {
    if (!this.atEnd()) throw new SyntaxError(`more text at ${this.#at}`);
  }

  #skipContainer(open: number, depth: number): void {
    const close = open === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
    this.#at++;
    if (this.#take(close)) return;
    do {
      if (open === OPEN_BRACE) {
        this.#space();
        this.#string();
        this.#expect(COLON);
      }
      this.skip(depth + 1);
    } while (this.#take(COMMA));
    this.#expect(close);
  }

  /**
   * Reads one vector to `result.components` from `from` on and returns its dimension.
   *
   * A number becomes its nearest double, then float32. Twelve decimals make it an integer, whose missing ones are
   * zeros; where that is below 2^53, one division by 10^12 gives the nearest double (W. D. Clinger, "How to read
   * floating point numbers accurately", 1990). What has an exponent or more digits goes to JSON.parse. This loop sees
   * nine tenths of all bytes that Chroma sends, and what it costs are branches that the processor cannot foresee: a
   * sign is there or not, a float32 has seven or eight decimals. So neither is a branch: twelve bytes behind the
   * point are read whatever they hold.
   */
  #row(result: Embeddings, from: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    const lastDecimals = bytes.length - DECIMALS_AT_ONCE;
    let components = result.components;
    let to = from;
    let finite = true;
    this.#expect(OPEN_BRACKET);
    if (this.#take(CLOSE_BRACKET)) {
      result.finite.push(true);
      return 0;
    }
    let at = this.#at;
    for (;;) {
      if (to === components.length) components = result.components = grown(components);
      const start = at;
      // 1 for what is below the point: of all that a number may begin with, the minus alone.
      const negative = (bytes[at]! - POINT) >>> 31;
      const notMinus = (bytes[at]! ^ MINUS) * negative;
      at += negative;
      const firstDigit = at;
      let whole = 0;
      let digit = bytes[at]! ^ ZERO;
      while (digit < 10) {
        whole = (whole * 10 + digit) | 0;
        digit = bytes[++at]! ^ ZERO;
      }
      const wholeDigits = at - firstDigit;
      let exact = true;
      let size = whole;
      if (bytes[at] === POINT && at < lastDecimals) {
        at++;
        const first = view.getUint32(at, true) ^ FOUR_ZEROS;
        const second = view.getUint32(at + 4, true) ^ FOUR_ZEROS;
        const third = view.getUint32(at + 8, true) ^ FOUR_ZEROS;
        // Four digits count only if the four before them are digits all, and a mask of all is negative.
        const ofFirst = leadingDigits(first);
        const ofSecond = leadingDigits(second) & (ofFirst >> 31);
        const ofThird = leadingDigits(third) & (ofSecond >> 31);
        at += (96 - Math.clz32(ofFirst) - Math.clz32(ofSecond) - Math.clz32(ofThird)) >> 3;
        const upper = fourDigits(first & ofFirst) * 10_000 + fourDigits(second & ofSecond);
        size = (whole * 1e8 + upper) * 1e4 + fourDigits(third & ofThird);
        exact = size < EXACT_BELOW;
        size /= 10 ** DECIMALS_AT_ONCE;
      }
      let next = bytes[at];
      const simple = wholeDigits > 0 && wholeDigits < 10 && exact;
      if (simple && notMinus === 0 && (next === COMMA || next === CLOSE_BRACKET)) {
        components[to++] = size * (1 - 2 * negative);
      } else {
        this.#at = start;
        const component = this.#oddNumber();
        // A float32 that overflowed is infinite although its digits were not.
        components[to] = component;
        if (!Number.isFinite(components[to++])) finite = false;
        at = this.#space();
        next = bytes[at];
      }
      at++;
      if (next === COMMA) {
        if (bytes[at] === SPACE) {
          this.#at = at;
          at = this.#space();
        }
      } else if (next === CLOSE_BRACKET) break;
      else throw new SyntaxError(`expected ',' or ']' at ${at - 1}`);
    }
    this.#at = at;
    result.finite.push(finite);
    return to - from;
  }

  /** A component with an exponent, many digits or space around it, or null, which stands for a NaN. */
  #oddNumber(): number {
    const start = this.#space();
    while (isOfWord(this.#bytes[this.#at])) this.#at++;
    const text = this.#bytes.toString('latin1', start, this.#at);
    const value: unknown = JSON.parse(text);
    if (value === null) return Number.NaN;
    if (typeof value !== 'number') throw new SyntaxError(`no number at ${start}`);
    return nearestFloat32(text, value);
  }

  #string(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) throw new SyntaxError(`no string at ${this.#at}`);
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x20) throw new SyntaxError(`a string breaks off at ${at}`);
      at = byte === BACKSLASH ? this.#escaped(at + 1) : at + 1;
    }
    this.#at = at + 1;
  }

  /** Where an escape ends whose backslash stands before `at`. */
  #escaped(at: number): number {
    const end = at + (this.#bytes[at] === LETTER_U ? 5 : 1);
    if (!ESCAPE.test(this.#bytes.toString('latin1', at, end))) throw new SyntaxError(`no escape at ${at}`);
    return end;
  }

  #space(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++this.#at];
    return this.#at;
  }

  #take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte && this.#bytes[this.#space()] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number): void {
    if (!this.#take(byte)) throw new SyntaxError(`expected '${String.fromCharCode(byte)}' at ${this.#at}`);
  }
}

/**
 * A mask of the digits that four bytes begin with, the first one lowest: −1 if all are. Taken is the xor with four
 * zeros: a digit's byte is then below ten, and any other sets its top bit here. A carry touches only what comes after
 * it.
 */
function leadingDigits(four: number): number {
  const others = ((four + 0x76767676) | four) & 0x80808080;
  // ~x & (x − 1) has as many bits as x has zeros at its low end: 7, 15, 23, 31 or 32, of which seven are one byte too far.
  return (~others & (others - 1)) >> 7;
}

/** Value of four digits, the first one lowest: two and two at once. */
function fourDigits(digits: number): number {
  const pairs = (digits * 10 + (digits >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

export const emptyEmbeddings = (room: Float32Array, spans = new Spans()): Embeddings => ({
  spans: spans.clear(),
  components: room,
  offsets: [0],
  finite: [],
});

const grown = (components: Float32Array): Float32Array => {
  const larger = new Float32Array(Math.max(1024, components.length * 2));
  larger.set(components);
  return larger;
};

const isOfWord = (byte: number | undefined) =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === MINUS ||
    byte === PLUS ||
    byte === POINT ||
    byte === 0x45);
