import pg from 'pg';
import { CollectionNotFound, InvalidInput } from '../errors.ts';
import type { LiveCollection } from '../tune/live-collections.ts';

/** What an application would be answered. */
export interface Match {
  id: string;
  filePath: string | null;
  content: string | null;
  metadata: Record<string, unknown> | null;
  similarity: number;
}

export interface SearchSettings {
  limit: number;
  /** The function's own default where it is left out. */
  minSimilarity: number | undefined;
  /** Metadata must have these members. */
  where: Record<string, unknown> | undefined;
}

/** Candidates that are asked for at first where a condition leaves some of them out. */
const FIRST_CANDIDATES = 100;

/**
 * Asks the guide's function. A condition is held against more and more of its answer, until enough are found or there
 * are no more.
 */
export async function searchCollection(
  client: pg.Client,
  live: LiveCollection,
  vector: readonly number[],
  { limit, minSimilarity, where }: SearchSettings,
): Promise<Match[]> {
  if (live.dimension !== null && vector.length !== live.dimension)
    throw new InvalidInput(
      `The vector has ${vector.length} dimensions and collection "${live.collection}" ${live.dimension}: search with a vector of the same model.`,
    );
  const schema = pg.escapeIdentifier(live.schema);
  // The settings exist only once the library is loaded.
  await client.query("select '[1]'::vector");
  for (let candidates = where ? Math.max(limit, FIRST_CANDIDATES) : limit; ; candidates *= 4) {
    await client.query(`select set_config('hnsw.ef_search', $1, false)`, [
      String(Math.min(1000, Math.max(live.hnsw.efSearch, candidates))),
    ]);
    const { rows } = await client.query<Match & { held: boolean }>(
      `select d.source_id as id, s.file_path as "filePath", s.content, d.metadata, s.similarity,
              ($3::jsonb is null or d.metadata @> $3) as held
         from ${schema}.search_similar($1::vector, $2${minSimilarity === undefined ? '' : ', $4'}) s
         join ${schema}.documents d on d.id = s.document_id
        order by s.similarity desc`,
      [
        `[${vector.join(',')}]`,
        candidates,
        where ?? null,
        ...(minSimilarity === undefined ? [] : [minSimilarity]),
      ],
    );
    const held = rows.filter((row) => row.held).slice(0, limit);
    const isAll = rows.length < candidates || candidates > live.records;
    if (!where || held.length === limit || isAll) return held.map(({ held: _, ...match }) => match);
  }
}

/** The vector of a record. @throws CollectionNotFound if there is no such record */
export async function vectorOf(
  client: pg.Client,
  { schema, collection }: LiveCollection,
  id: string,
): Promise<number[]> {
  const quoted = pg.escapeIdentifier(schema);
  const { rows } = await client.query<{ embedding: string }>(
    `select e.embedding::text from ${quoted}.documents d join ${quoted}.embeddings e on e.document_id = d.id
      where d.source_id = $1`,
    [id],
  );
  if (!rows[0])
    throw new CollectionNotFound(`Collection "${collection}" has no record "${id}": check --like.`);
  return JSON.parse(rows[0].embedding) as number[];
}

/** Chroma's own words on how it embeds the collection's texts; null if it says nothing. */
export async function embeddingFunctionOf(
  client: pg.Client,
  { schema }: LiveCollection,
): Promise<{ type: string; name: string; config: Record<string, unknown> } | null> {
  const { rows } = await client.query<{
    found: { type: string; name: string; config: Record<string, unknown> } | null;
  }>(
    `select c.configuration -> 'embedding_function' as found
       from chroma_migration.published_schemas p join chroma_migration.collections c using (run, schema)
      where p.schema = $1`,
    [schema],
  );
  return rows[0]?.found ?? null;
}
