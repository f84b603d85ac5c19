import { fileURLToPath } from 'node:url';
import type { ChromaClient } from 'chromadb';
import type { Space } from '../../src/contract.ts';
import type { Log } from '../../src/log.ts';
import { type Chunk, chunkSource, isProse } from './chunk-source.ts';
import { embed } from './embed.ts';

/** Unlike each other in dimension and space, so that the demo shows both. */
export const DEMO_COLLECTIONS = {
  sourceCode: { name: 'source-code', dimension: 384, space: 'cosine' },
  documents: { name: 'documents', dimension: 768, space: 'l2' },
} as const satisfies Record<string, { name: string; dimension: number; space: Space }>;

/** Below what every Chroma server takes in a request. */
const RECORDS_A_REQUEST = 500;

/** The package's own root: this file's bundle lies in `dist/`, the file itself in `local/demo/`. */
const ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../..' : '..', import.meta.url));

/**
 * Fills a Chroma server with this package's own sources and documents. What is there already is written again,
 * so it may be called twice.
 *
 * @returns how many records each collection has been given, by name
 */
export async function fillDemo(chromaUrl: string, log: Log, folder = ROOT): Promise<Record<string, number>> {
  // The questions stand in a source file too, and would find themselves.
  const chunks = (await chunkSource(folder)).filter(({ file_path }) => file_path !== 'local/demo/queries.ts');
  const { sourceCode, documents } = DEMO_COLLECTIONS;
  const { hostname, port } = new URL(chromaUrl);
  // Loaded only here: no other command writes to Chroma.
  const { ChromaClient } = await import('chromadb');
  const client = new ChromaClient({ host: hostname, port: Number(port), ssl: false });
  const counts = {
    [sourceCode.name]: await fill(
      client,
      sourceCode,
      chunks.filter((chunk) => !isProse(chunk)),
    ),
    [documents.name]: await fill(client, documents, chunks.filter(isProse)),
  };
  for (const [collection, records] of Object.entries(counts)) log.info('filled', { collection, records });
  return counts;
}

async function fill(
  client: ChromaClient,
  { name, dimension, space }: { name: string; dimension: number; space: Space },
  chunks: Chunk[],
): Promise<number> {
  // Without `null` the client looks for its default embedding function, which is a package of its own.
  const collection = await client.getOrCreateCollection({
    name,
    embeddingFunction: null,
    configuration: { hnsw: { space } },
    metadata: { description: 'Chunks of chroma-to-pgvector itself', chunk_lines: 40 },
  });
  for (let start = 0; start < chunks.length; start += RECORDS_A_REQUEST) {
    const batch = chunks.slice(start, start + RECORDS_A_REQUEST);
    await collection.upsert({
      ids: batch.map(({ file_path, chunk_index }) => `${file_path}#${chunk_index}`),
      embeddings: batch.map(({ file_path, text }) => embed(`${file_path}\n${text}`, dimension)),
      documents: batch.map(({ text }) => text),
      metadatas: batch.map(({ text: _, ...metadata }) => metadata),
      uris: batch.map(({ file_path, start_line, end_line }) => `${file_path}#L${start_line}-L${end_line}`),
    });
  }
  return chunks.length;
}
