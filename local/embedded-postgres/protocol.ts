/** Messages of PostgreSQL's frontend/backend protocol 3.0, as far as a server has to make or read them itself. */

/** What ReadyForQuery says: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** One message from a client. */
export interface Message {
  type: string;
  /** Without the type and the length. */
  body: Buffer;
}

/** Type and length; the body follows. */
export const HEADER_BYTES = 5;
export const READY_FOR_QUERY_BYTES = 6;

const PROTOCOL_3_0 = 3 << 16;
const MINOR = 0xffff;
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSS_ENCRYPTION_REQUEST = 80877104;

/** A type byte, the length as int32 (itself included), the body. */
export function message(type: string, ...body: Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.write(type, 'latin1');
  header.writeInt32BE(4 + body.reduce((sum, { length }) => sum + length, 0), 1);
  return Buffer.concat([header, ...body]);
}

/** One stretch of memory of its own, which can be given to another thread without a copy. */
export function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(`${value}\0`);
export const query = (sql: string): Buffer => message('Q', text(sql));
export const SYNC = message('S');
export const COPY_DONE = message('c');
export const copyFail = (reason: string): Buffer => message('f', text(reason));
export const closeStatement = (name: string): Buffer => message('C', Buffer.from('S'), text(name));

export const NO_ENCRYPTION = Buffer.from('N');
export const ASK_FOR_PASSWORD = message('R', int32(3));
export const AUTHENTICATED = message('R', int32(0));
/** 3.0 is spoken, and none of the protocol's `options` is known. */
export const negotiateProtocolVersion = (options: string[]): Buffer =>
  message('v', int32(0), int32(options.length), ...options.map(text));
export const parameterStatus = (name: string, value: string): Buffer => message('S', text(name), text(value));
export const backendKeyData = (pid: number, secret: number): Buffer =>
  message('K', int32(pid), int32(secret));
export const readyForQuery = (status: TransactionStatus): Buffer => message('Z', Buffer.from(status));
/** Format text, no columns: clients read neither, and the table is not known yet. */
export const COPY_IN_RESPONSE = message('G', Buffer.alloc(3));

export interface ServerError {
  /** SQLSTATE */
  code: string;
  message: string;
}

/** @param severity FATAL if the connection ends with it */
export function errorResponse({ code, message: said }: ServerError, severity: 'ERROR' | 'FATAL'): Buffer {
  const fields = Object.entries({ S: severity, V: severity, C: code, M: said });
  return message('E', ...fields.map(([name, value]) => text(`${name}${value}`)), Buffer.from([0]));
}

/** The message of an ErrorResponse among a server's answers; null if there is none. */
export function errorIn(answer: Buffer): ServerError | null {
  for (const { type, body } of messagesIn(answer)) {
    if (type !== 'E') continue;
    const fields = Object.fromEntries(
      body
        .toString()
        .split('\0')
        .map((field) => [field[0], field.slice(1)]),
    );
    return { code: fields.C ?? 'XX000', message: fields.M ?? '' };
  }
  return null;
}

/** The rows of text among a server's answers. */
export function rowsIn(answer: Buffer): (string | null)[][] {
  const rows: (string | null)[][] = [];
  for (const { type, body } of messagesIn(answer)) {
    if (type !== 'D') continue;
    const row: (string | null)[] = [];
    let offset = 2;
    for (let column = body.readInt16BE(0); column > 0; column--) {
      const length = body.readInt32BE(offset);
      offset += 4;
      row.push(length < 0 ? null : body.toString('utf8', offset, offset + length));
      offset += Math.max(0, length);
    }
    rows.push(row);
  }
  return rows;
}

export function* messagesIn(answer: Buffer): Generator<Message & { end: number }> {
  for (let offset = 0; offset < answer.length; ) {
    const end = offset + 1 + answer.readInt32BE(offset + 1);
    yield {
      type: String.fromCharCode(answer[offset]!),
      body: answer.subarray(offset + HEADER_BYTES, end),
      end,
    };
    offset = end;
  }
}

export type StartupPacket =
  | { kind: 'startup'; parameters: Map<string, string>; isNewer: boolean }
  | { kind: 'encryption' }
  | { kind: 'cancel' }
  | { kind: 'unknown' };

/** @param body the first packet without its length */
export function readStartupPacket(body: Buffer): StartupPacket {
  const code = body.readInt32BE(0);
  if (code === SSL_REQUEST || code === GSS_ENCRYPTION_REQUEST) return { kind: 'encryption' };
  if (code === CANCEL_REQUEST) return { kind: 'cancel' };
  if ((code & ~MINOR) !== PROTOCOL_3_0) return { kind: 'unknown' };
  const words = body.toString('utf8', 4).split('\0');
  const parameters = new Map<string, string>();
  for (let at = 0; at + 1 < words.length && words[at] !== ''; at += 2)
    parameters.set(words[at]!, words[at + 1]!);
  return { kind: 'startup', parameters, isNewer: (code & MINOR) !== 0 };
}

export function cstring(bytes: Buffer, from = 0): { value: string; end: number } {
  const end = bytes.indexOf(0, from);
  if (end < 0) throw new ProtocolViolation('a text without an end');
  return { value: bytes.toString('utf8', from, end), end: end + 1 };
}

/** Ends the connection. */
export class Fatal extends Error {
  /** SQLSTATE */
  readonly code: string;
  constructor(code: string, said: string) {
    super(said);
    this.code = code;
  }
}

/** What a client sent is no message of the protocol. */
export class ProtocolViolation extends Fatal {
  constructor(what: string) {
    super('08P01', `The client sent ${what}, which is not in the protocol.`);
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
