import { z } from 'zod';
import { CollectionNotFound, SourceRefused } from '../errors.ts';
import { ChromaHttp, type ChromaSettings, NotOffered, type Room } from './http.ts';
import { listedCollections } from './listed-collections.ts';
import { type Page, PageRoom, scanPage } from './scan-page.ts';

/** What the program needs of each answer of Chroma's API; anybody may stand at the address. */
const Version = z.union([z.string(), z.number()]);
/** Chroma takes no other characters than letters, digits, dots and dashes; Postgres would take all but these. */
const Name = z.string().refine((name) => name.isWellFormed() && !name.includes('\0'));
const Identity = z.object({
  tenant: z.string().nullish(),
  databases: z.array(z.string()).nullish(),
});
const Database = z.object({ name: Name });
const Collection = z.object({
  id: z.guid(),
  name: Name,
  dimension: z.int().min(0).nullish().default(null),
  metadata: z.record(z.string(), z.unknown()).nullish().default(null),
  /** Its JSON, where that says more than what was made of it. */
  metadataText: z.string().optional(),
  configuration_json: z.unknown().optional(),
  configurationText: z.string().optional(),
});
const Count = z.int().min(0);
const Nearest = z.object({
  ids: z.array(z.array(z.string())),
  distances: z.array(z.array(z.number().nullable())),
});

/** A collection as Chroma's API describes it. */
export type ChromaCollection = z.infer<typeof Collection> & { tenant: string; database: string };

/** Which part of a record `get` shall bring; ids always come. */
export type Include = 'embeddings' | 'documents' | 'metadatas' | 'uris';
export const ALL_PARTS: readonly Include[] = ['embeddings', 'documents', 'metadatas', 'uris'];

/** Answer to one of the queries: ids and Chroma's own distances, nearest first. */
export interface Neighbours {
  ids: string[];
  distances: number[];
}

/** Which records `get` shall bring: a run of them, of those that a condition holds for if there is one, or some by id. */
export type Selection = { offset: number; limit: number; where?: unknown } | { ids: readonly string[] };

type CollectionAddress = { tenant: string; database: string; collectionId: string };

/** Databases or collections that the API is asked to list at a time. */
const LISTED_AT_A_TIME = 1000;
/** Ten times the estates that the plan is made for; a listing that does not end by then never will. */
const MOST_LISTED = 100_000;

/** Reads a Chroma server over its API v2. Nothing here writes. */
export class ChromaSource {
  readonly #http: ChromaHttp;

  constructor(settings: ChromaSettings, connections?: number) {
    this.#http = new ChromaHttp(settings, connections);
  }

  get origin(): string {
    return this.#http.origin;
  }

  async version(): Promise<string> {
    return String(await this.#http.json('GET', '/api/v2/version', Version));
  }

  /** The tenant that the credentials belong to; `default_tenant` on a server without any. */
  async ownTenant(): Promise<string> {
    const { tenant } = await this.#http.json('GET', '/api/v2/auth/identity', Identity);
    return tenant && tenant !== '*' ? tenant : 'default_tenant';
  }

  async databases(tenant: string): Promise<string[]> {
    try {
      const listed = await this.#list(`${tenantPath(tenant)}/databases`, Database);
      return listed.map(({ name }) => name);
    } catch (error) {
      if (!(error instanceof NotOffered)) throw error;
      // Servers before 0.6 list no databases: those of the credentials are all that can be known.
      const { databases } = await this.#http.json('GET', '/api/v2/auth/identity', Identity);
      const known = (databases ?? []).filter((database) => database !== '*');
      return known.length > 0 ? known : ['default_database'];
    }
  }

  async collections(tenant: string, database: string): Promise<ChromaCollection[]> {
    const path = `${databasePath(tenant, database)}/collections`;
    const listed = await this.#list(path, Collection, listedCollections);
    return listed.map((collection) => ({ ...collection, tenant, database }));
  }

  /**
   * All that a listing has. A server may hand out fewer at a time than it is asked for, so a short page is not the
   * end; one that brings nothing new is, also of a server that knows no offsets.
   */
  async #list<T extends { name: string }>(
    path: string,
    schema: z.ZodType<T>,
    read?: (answer: Buffer) => unknown,
  ): Promise<T[]> {
    const all = new Map<string, T>();
    let offset = 0;
    for (;;) {
      const page = `${path}?limit=${LISTED_AT_A_TIME}&offset=${offset}`;
      const listed = await this.#http.json('GET', page, z.array(schema), undefined, read);
      const known = all.size;
      for (const one of listed) all.set(one.name, one);
      if (all.size === known) return [...all.values()];
      if (all.size > MOST_LISTED)
        throw new SourceRefused(
          `Chroma at ${this.origin} lists more than ${MOST_LISTED} names at ${path}: check that it is a Chroma server, or name --databases and --collections.`,
        );
      offset += listed.length;
    }
  }

  async count(address: CollectionAddress): Promise<number> {
    return this.#http.json('GET', `${collectionPath(address)}/count`, Count);
  }

  /**
   * The selected records in Chroma's order, which is that of insertion, or in that of their ids.
   * @param capacity components to make room for: limit × dimension
   */
  async page(
    address: CollectionAddress,
    selection: Selection,
    include: readonly Include[],
    capacity = 0,
  ): Promise<Page> {
    return scanPage(await this.pageBytes(address, selection, include), new PageRoom(capacity));
  }

  /**
   * The same as {@link page}, as the bytes that came.
   * @param room for them
   * @throws AnswerTooLarge if they are more than there may be
   */
  async pageBytes(
    address: CollectionAddress,
    selection: Selection,
    include: readonly Include[],
    room?: Room,
  ): Promise<Buffer> {
    // Of ids too it is said how many: Chroma Cloud refuses a request that could be answered with more than it gives.
    const limit = 'ids' in selection ? { limit: selection.ids.length } : {};
    return this.#http.bytes(
      'POST',
      `${collectionPath(address)}/get`,
      { ...selection, ...limit, include },
      room,
    );
  }

  /** The `count` nearest records of each query, with Chroma's own distances. */
  async nearest(address: CollectionAddress, queries: number[][], count: number): Promise<Neighbours[]> {
    const body = { query_embeddings: queries, n_results: count, include: ['distances'] };
    const answer = await this.#http.json('POST', `${collectionPath(address)}/query`, Nearest, body);
    return answer.ids.map((ids, query) => ({
      ids,
      distances: (answer.distances[query] ?? []).map((distance) => distance ?? Number.NaN),
    }));
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}

const tenantPath = (tenant: string) => `/api/v2/tenants/${segment(tenant)}`;
const databasePath = (tenant: string, database: string) =>
  `${tenantPath(tenant)}/databases/${segment(database)}`;
const collectionPath = ({ tenant, database, collectionId }: CollectionAddress) =>
  `${databasePath(tenant, database)}/collections/${segment(collectionId)}`;

/** A name as one segment of a path. encodeURIComponent leaves dots alone, and `..` would climb. */
function segment(name: string): string {
  if (name === '.' || name === '..')
    throw new CollectionNotFound(
      `'${name}' is no name that Chroma could have given: check --tenant and --database.`,
    );
  return encodeURIComponent(name);
}
