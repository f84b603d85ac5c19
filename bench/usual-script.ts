/**
 * A migration as one writes it in an afternoon: pages of 1,000 with Chroma's client, an INSERT of many rows for each
 * with `pg`, the index at the end, default settings. Nothing is checked, and nothing goes on after an error.
 * `node bench/usual-script.ts CHROMA DATABASE COLLECTION DIMENSION SCHEMA`; prints its seconds as JSON, a line for each part.
 */
import { ChromaClient } from 'chromadb';
import pg from 'pg';
import pgvector from 'pgvector/pg';

const [chromaUrl, databaseUrl, name, dimension, schema] = process.argv.slice(2) as [
  ...[string, string, string, string, string],
];
const PAGE = 1000;

const { hostname, port } = new URL(chromaUrl);
const chroma = new ChromaClient({ host: hostname, port: Number(port) });
const collection = await chroma.getCollection({ name });
const client = new pg.Client(databaseUrl);
await client.connect();
await client.query('create extension if not exists vector');
await client.query(`create schema ${schema}`);
await client.query(
  `create table ${schema}.documents (
     id text primary key, document text, metadata jsonb, embedding vector(${Number(dimension)}))`,
);

let load = 0;
for (let offset = 0; ; offset += PAGE) {
  const page = await collection.get({
    limit: PAGE,
    offset,
    include: ['documents', 'metadatas', 'embeddings'],
  });
  if (page.ids.length === 0) break;
  const rows = page.ids.map(
    (_, row) => `($${4 * row + 1}, $${4 * row + 2}, $${4 * row + 3}, $${4 * row + 4})`,
  );
  const values = page.ids.flatMap((id, row) => [
    ...[id, page.documents[row], JSON.stringify(page.metadatas[row])],
    pgvector.toSql(page.embeddings[row]),
  ]);
  const started = performance.now();
  await client.query(
    `insert into ${schema}.documents (id, document, metadata, embedding) values ${rows.join(', ')}`,
    values,
  );
  load += (performance.now() - started) / 1000;
}
process.stdout.write(`${JSON.stringify({ load })}\n`);
const started = performance.now();
await client.query(`create index on ${schema}.documents using hnsw (embedding vector_l2_ops)`);
const index = (performance.now() - started) / 1000;
await client.end();
process.stdout.write(`${JSON.stringify({ index })}\n`);
