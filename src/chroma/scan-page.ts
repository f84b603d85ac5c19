/**
 * Reads Chroma's answer to `get` straight from its bytes. JSON.parse would make a JavaScript number, and an
 * array slot, of each of the 300,000 components of a page; here they go from digits to float32 in one pass,
 * and texts stay slices of the answer, because COPY wants the very UTF-8 that came.
 * `npm run bench` compares both.
 */
import { isUtf8 } from 'node:buffer';
import { SourceUnavailable } from '../errors.ts';
import { Scanner } from './scanner.ts';

const NONE = new Int32Array(0);
/** Of so few, the arrays lie in V8's own heap. */
const FEWEST = 16;

/** Where values lie in the page's bytes. A start of −1 means null. */
export class Spans {
  /** As many as `length` says; what follows is of no meaning. */
  starts: Int32Array = NONE;
  ends: Int32Array = NONE;
  length = 0;

  add(start: number, end: number): void {
    if (this.length === this.starts.length) {
      const [starts, ends] = [this.starts, this.ends];
      this.starts = new Int32Array(Math.max(FEWEST, 2 * this.length));
      this.ends = new Int32Array(this.starts.length);
      this.starts.set(starts);
      this.ends.set(ends);
    }
    this.starts[this.length] = start;
    this.ends[this.length++] = end;
  }

  clear(): this {
    this.length = 0;
    return this;
  }
}

/**
 * What a page is scanned into. The next one may be scanned into the same, when this one is done with: lists that were made
 * anew for each would outlive a few collections of V8's young generation and fill the old one.
 */
export class PageRoom {
  readonly ids = new Spans();
  readonly documents = new Spans();
  readonly uris = new Spans();
  readonly metadatas = new Spans();
  readonly embeddings = new Spans();
  components: Float32Array;

  /** @param components to make room for: records × dimension; more is made where they are not enough */
  constructor(components = 0) {
    this.components = new Float32Array(components);
  }
}

/** Records of one answer, in Chroma's order. */
export interface Page {
  bytes: Buffer;
  length: number;
  ids: Spans;
  /** null where the answer has no such column. */
  documents: Spans | null;
  uris: Spans | null;
  metadatas: Spans | null;
  embeddings: Embeddings | null;
  /** Why the server cannot deliver these records whole; null if it did. */
  fault: string | null;
}

export interface Embeddings {
  spans: Spans;
  /** All components, one record after the other. */
  components: Float32Array;
  /** Where a record's components begin; one more than there are records. */
  offsets: number[];
  /** Whether each component of the record is a finite float32. */
  finite: boolean[];
}

/**
 * @param room of a page that is done with
 * @throws SourceUnavailable if the bytes are not what `get` answers; a cut answer looks like this, so it is worth another try
 */
export function scanPage(bytes: Buffer, room = new PageRoom()): Page {
  if (!isUtf8(bytes)) throw broken('its text is not UTF-8');
  const scanner = new Scanner(bytes);
  const page: Page = {
    bytes,
    length: 0,
    ids: room.ids.clear(),
    documents: null,
    uris: null,
    metadatas: null,
    embeddings: null,
    fault: null,
  };
  let hasIds = false;
  try {
    scanner.members((key) => {
      hasIds ||= key === 'ids';
      if (key === 'embeddings')
        page.embeddings = scanner.isNull() ? null : scanner.matrix(room.components, room.embeddings);
      else if (key === 'ids') page.ids = scanner.elements(room.ids);
      else if (key === 'documents' || key === 'uris' || key === 'metadatas')
        page[key] = scanner.isNull() ? null : scanner.elements(room[key]);
      else scanner.skip();
    });
    scanner.end();
  } catch (cause) {
    throw broken('it is not the JSON of a page', cause);
  }
  // An object of something else would pass for a page without records, as if all of them had been deleted.
  if (!hasIds) throw broken('it has no ids');
  page.length = page.ids.length;
  for (const column of [page.documents, page.uris, page.metadatas, page.embeddings?.spans])
    if (column && column.length !== page.length) throw broken('its columns differ in length');
  return page;
}

const broken = (reason: string, cause?: unknown) =>
  new SourceUnavailable(
    `Chroma's answer to get cannot be read (${reason}): run again, and check that the source is a Chroma server.`,
    { cause },
  );
