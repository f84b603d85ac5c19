import { HEADER_BYTES, type Message, ProtocolViolation } from './protocol.ts';

/** PostgreSQL's own limit of a startup packet (MAX_STARTUP_PACKET_LENGTH). */
const MAX_STARTUP_BYTES = 10_000;

/**
 * Cuts what a client sends into messages. It takes from the socket only what is asked for, so a client that
 * sends faster than it is served is held back by TCP. Bytes are not copied but where a message straddles chunks.
 */
export class MessageReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  /** Longest message that is taken, in bytes; small until the client has said who it is. */
  maxBytes = MAX_STARTUP_BYTES;
  /** When bytes came last, by performance.now(). */
  lastHeard = performance.now();

  constructor(socket: AsyncIterable<Buffer>) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** The first packet, which has a length but no type. null at the end of the stream. */
  async startupPacket(): Promise<Buffer | null> {
    const length = (await this.#joined(4))?.readInt32BE(0);
    if (length === undefined) return null;
    if (length < 8 || length > this.maxBytes)
      throw new ProtocolViolation(`a startup packet of ${length} bytes`);
    return this.#joined(length - 4);
  }

  /** The next message; null at the end of the stream. */
  async next(): Promise<Message | null> {
    const header = await this.#header();
    if (!header) return null;
    const body = await this.#joined(header.bodyBytes);
    return body && { type: header.type, body };
  }

  /**
   * The next message as the bytes that came, header included: what passes through needs no joining.
   * null at the end of the stream.
   */
  async nextRaw(): Promise<{ type: string; parts: Buffer[]; bytes: number } | null> {
    const header = await this.#header();
    const body = header && (await this.#take(header.bodyBytes));
    return (
      body && { type: header.type, parts: [header.raw, ...body], bytes: HEADER_BYTES + header.bodyBytes }
    );
  }

  async #header(): Promise<{ type: string; bodyBytes: number; raw: Buffer } | null> {
    const raw = await this.#joined(HEADER_BYTES);
    if (!raw) return null;
    const bodyBytes = raw.readInt32BE(1) - 4;
    if (bodyBytes < 0 || bodyBytes > this.maxBytes)
      throw new ProtocolViolation(`a message of ${bodyBytes} bytes`);
    return { type: String.fromCharCode(raw[0]!), bodyBytes, raw };
  }

  async #joined(length: number): Promise<Buffer | null> {
    const parts = await this.#take(length);
    if (!parts) return null;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #take(length: number): Promise<Buffer[] | null> {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done) return null;
        this.#rest = value;
        this.lastHeard = performance.now();
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    return parts;
  }
}
