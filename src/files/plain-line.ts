import { isUtf8 } from 'node:buffer';
import { Spans } from '../chroma/scan-page.ts';
import { emptyEmbeddings, Scanner } from '../chroma/scanner.ts';

/** A line as this program writes it: `{"id":…,"document":…,"metadata":…,"uri":…,"embedding":…}` and a line feed. */
export interface PlainLine {
  line: Buffer;
  /** JSON text of the record's id. */
  id: Buffer;
  /** As the line names it; null if it names none. */
  collection: string | null;
  /** Members that have no place of their own and went into the metadata. */
  moved: string[];
}

/** A line that is no record. The message completes "Line 7 of docs.jsonl …". */
export class NoRecord extends Error {
  override readonly name = 'NoRecord';
}

type Part = 'id' | 'document' | 'metadata' | 'uri' | 'embedding' | 'collection';

/** What others call the same. The first name that a line has is taken. */
const NAMES: Record<string, Part> = {
  ...{ id: 'id', _id: 'id', ids: 'id', record_id: 'id' },
  ...{
    document: 'document',
    content: 'document',
    text: 'document',
    page_content: 'document',
    documents: 'document',
  },
  ...{ metadata: 'metadata', metadatas: 'metadata', meta: 'metadata', payload: 'metadata' },
  ...{ uri: 'uri', uris: 'uri' },
  ...{ embedding: 'embedding', vector: 'embedding', values: 'embedding', embeddings: 'embedding' },
  ...{ collection: 'collection', collection_name: 'collection' },
};

/** Without names for the collection: those who name it themselves do not mean that a line may name another. */
const { collection: _, collection_name: __, ...NAMES_OF_ONE } = NAMES;

const QUOTE = 0x22;
const BRACE = 0x7b;
const BRACKET = 0x5b;

interface Span {
  start: number;
  end: number;
}

/**
 * Brings a record's line of whatever program to this program's form. Values stay the bytes that they are; what has no
 * place of its own goes into the metadata, so that nothing is lost.
 *
 * @param namesCollection whether a member `collection` says where the record belongs
 * @throws NoRecord
 */
export function plainLine(line: Buffer, namesCollection = true): PlainLine {
  if (!isUtf8(line)) throw new NoRecord('is not UTF-8');
  const parts = new Map<Part, Span>();
  const others: { key: string; span: Span }[] = [];
  try {
    readMembers(line, namesCollection ? NAMES : NAMES_OF_ONE, parts, others);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new NoRecord(`is no JSON object of a record (${error.message})`);
  }
  const raw = (part: Part): Buffer | null => {
    const span = parts.get(part);
    return span ? line.subarray(span.start, span.end) : null;
  };
  const id = idOf(raw('id'));
  expectText('document', raw('document'));
  expectText('uri', raw('uri'));
  const embedding = raw('embedding');
  if (embedding && embedding[0] !== BRACKET)
    throw new NoRecord('has an embedding that is no list of numbers');
  const collection = raw('collection');
  return {
    line: Buffer.concat([
      ...[MEMBERS.id, id, MEMBERS.document, raw('document') ?? NULL],
      ...[MEMBERS.metadata, metadataOf(line, raw('metadata'), others), MEMBERS.uri, raw('uri') ?? NULL],
      ...[MEMBERS.embedding, embedding ?? NULL, MEMBERS.end],
    ]),
    id,
    collection: collection?.[0] === QUOTE ? (JSON.parse(collection.toString('utf8')) as string) : null,
    moved: others.map(({ key }) => key),
  };
}

const MEMBERS = {
  id: Buffer.from('{"id":'),
  document: Buffer.from(',"document":'),
  metadata: Buffer.from(',"metadata":'),
  uri: Buffer.from(',"uri":'),
  embedding: Buffer.from(',"embedding":'),
  end: Buffer.from('}\n'),
};
const NULL = Buffer.from('null');

function readMembers(
  line: Buffer,
  names: Readonly<Record<string, Part>>,
  parts: Map<Part, Span>,
  others: { key: string; span: Span }[],
): void {
  const scanner = new Scanner(line);
  const room = emptyEmbeddings(new Float32Array(0));
  scanner.members((key) => {
    const part = Object.hasOwn(names, key) ? names[key] : undefined;
    const spans = new Spans();
    const isVector = part === 'embedding' && scanner.nextByte() === BRACKET;
    // The scanner steps over a vector twenty times faster than over any other list.
    if (isVector) scanner.embedding(room);
    else scanner.span(spans);
    const from = isVector ? room.spans : spans;
    const last = from.length - 1;
    const span = { start: from.starts[last]!, end: from.ends[last]! };
    if (span.start < 0) return;
    if (part !== undefined && !parts.has(part)) parts.set(part, span);
    else others.push({ key, span });
  });
  scanner.end();
}

/** A number is as good an id as a text. */
function idOf(raw: Buffer | null): Buffer {
  if (raw === null) throw new NoRecord('has no id');
  if (raw[0] === QUOTE) return raw;
  if (raw[0] === BRACE || raw[0] === BRACKET) throw new NoRecord('has an id that is neither text nor number');
  return Buffer.from(JSON.stringify(raw.toString('utf8')));
}

function expectText(part: Part, raw: Buffer | null): void {
  if (raw !== null && raw[0] !== QUOTE) throw new NoRecord(`has a ${part} that is no text`);
}

/** The metadata with what the line has beside it; a key that the metadata has already keeps its value there. */
function metadataOf(line: Buffer, raw: Buffer | null, others: { key: string; span: Span }[]): Buffer {
  if (raw !== null && raw[0] !== BRACE) throw new NoRecord('has metadata that are no object');
  if (others.length === 0) return raw ?? NULL;
  const added = others.map(({ key, span }) =>
    Buffer.concat([Buffer.from(`${JSON.stringify(key)}:`), line.subarray(span.start, span.end)]),
  );
  const own = raw ? raw.subarray(1, -1) : null;
  const members = own && own.toString('utf8').trim() !== '' ? [...added, own] : added;
  // Of equal keys the last one counts, as in jsonb.
  const joined = members.flatMap((member, index) => (index === 0 ? [member] : [Buffer.from(','), member]));
  return Buffer.concat([Buffer.from('{'), ...joined, Buffer.from('}')]);
}
