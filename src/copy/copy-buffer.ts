const SMALLEST_BYTES = 64 * 1024;

/**
 * Bytes of a binary COPY stream, written field by field. A field is its length as int32, then its bytes; a
 * length of −1 is null. Source: PostgreSQL, "COPY", section "Binary Format".
 */
export class CopyBuffer {
  #bytes: Buffer;
  #length = 0;
  /** What was handed out by the last {@link swap}. */
  #other: Buffer = Buffer.alloc(0);

  constructor(capacity = SMALLEST_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** What was written since the last call; the caller owns it. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    // The next page will be about as large as this one.
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(SMALLEST_BYTES, Math.ceil(this.#length * 1.1)));
    this.#length = 0;
    return taken;
  }

  /**
   * What was written since the last call, valid until the call after the next: two memories take turns, so that a page
   * is written while the one before is stored, and nothing is left to be collected.
   */
  swap(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    // Nobody waits until nothing is stored: the memory that is lent stays so.
    if (this.#length === 0) return taken;
    const free = this.#other;
    this.#other = this.#bytes;
    this.#bytes = free.length > 0 ? free : Buffer.allocUnsafeSlow(this.#other.length);
    this.#length = 0;
    return taken;
  }

  /** A view of what was written; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Begins a row. @param fields how many follow */
  row(fields: number): void {
    this.int16(fields);
  }

  null(): void {
    this.int32(-1);
  }

  /** A field of the given bytes: text, or anything that is already in Postgres' form. */
  field(bytes: Uint8Array): void {
    this.int32(bytes.length);
    this.raw(bytes);
  }

  optionalField(bytes: Uint8Array | null): void {
    if (bytes === null) this.null();
    else this.field(bytes);
  }

  int32Field(value: number | null): void {
    if (value === null) return this.null();
    this.int32(4);
    this.int32(value);
  }

  /** jsonb's binary form: version 1, then the text. */
  jsonbField(text: Uint8Array | null): void {
    if (text === null) return this.null();
    this.int32(text.length + 1);
    this.#ensure(1);
    this.#bytes[this.#length++] = 1;
    this.raw(text);
  }

  /**
   * pgvector's binary form: int16 dimension, int16 zero, float32s, big-endian (vector_recv).
   * @param components in the machine's own order
   */
  vectorField(components: Float32Array): void {
    this.int32(4 + components.byteLength);
    this.vector(components);
  }

  vector(components: Float32Array): void {
    this.int16(components.length);
    this.int16(0);
    this.#ensure(components.byteLength);
    const start = this.#length;
    this.raw(new Uint8Array(components.buffer, components.byteOffset, components.byteLength));
    // COPY is big-endian; every machine that runs this is little-endian.
    this.#bytes.subarray(start, this.#length).swap32();
  }

  int16(value: number): void {
    this.#ensure(2);
    this.#length = this.#bytes.writeInt16BE(value, this.#length);
  }

  int32(value: number): void {
    this.#ensure(4);
    this.#length = this.#bytes.writeInt32BE(value, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#ensure(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #ensure(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + room));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Signature, flags and an empty header extension. */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** A field count of −1 ends the stream. */
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);
