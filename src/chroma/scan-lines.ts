import { ShardCorrupt } from '../errors.ts';
import { type Page, Spans } from './scan-page.ts';
import { emptyEmbeddings, Scanner } from './scanner.ts';

/**
 * Reads JSON lines (`id`, `document`, `metadata`, `uri`, `embedding`) as if they were one page of Chroma's.
 * @param bytes whole lines @throws ShardCorrupt
 */
export function scanLines(bytes: Buffer): Page {
  const scanner = new Scanner(bytes);
  const columns: Record<string, Spans> = {};
  for (const name of ['id', 'document', 'metadata', 'uri']) columns[name] = new Spans();
  const embeddings = emptyEmbeddings(new Float32Array(64 * 1024));
  let length = 0;
  try {
    while (!scanner.atEnd()) {
      scanner.members((key) => {
        if (key === 'embedding') scanner.embedding(embeddings);
        else if (columns[key]) scanner.span(columns[key]);
        else scanner.skip();
      });
      length++;
      for (const spans of [...Object.values(columns), embeddings.spans])
        if (spans.length !== length) throw new SyntaxError(`record ${length} lacks a member`);
    }
  } catch (cause) {
    throw new ShardCorrupt('A file of JSON lines cannot be read: export the shard again.', { cause });
  }
  const { id, document, metadata, uri } = columns as Record<'id' | 'document' | 'metadata' | 'uri', Spans>;
  return {
    bytes,
    length,
    ids: id,
    documents: document,
    metadatas: metadata,
    uris: uri,
    embeddings,
    fault: null,
  };
}
