import { CollectionNotFound } from '../errors.ts';
import { ChromaHttp, type ChromaSettings, type Room } from './http.ts';
import { type Page, scanPage } from './scan-page.ts';

/** A collection as Chroma's API describes it. */
export interface ChromaCollection {
  id: string;
  name: string;
  tenant: string;
  database: string;
  dimension: number | null;
  metadata: Record<string, unknown> | null;
  configuration_json: unknown;
}

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
    return String(await this.#http.json<string>('GET', '/api/v2/version'));
  }

  /** The tenant that the credentials belong to; `default_tenant` on a server without any. */
  async ownTenant(): Promise<string> {
    const { tenant } = await this.#http.json<{ tenant?: string }>('GET', '/api/v2/auth/identity');
    return tenant && tenant !== '*' ? tenant : 'default_tenant';
  }

  async databases(tenant: string): Promise<string[]> {
    const listed = await this.#list<{ name: string }>(`${tenantPath(tenant)}/databases`);
    return listed.map(({ name }) => name);
  }

  async collections(tenant: string, database: string): Promise<ChromaCollection[]> {
    const listed = await this.#list<ChromaCollection>(`${databasePath(tenant, database)}/collections`);
    return listed.map((collection) => ({ ...collection, tenant, database }));
  }

  /**
   * All that a listing has. A server may hand out fewer at a time than it is asked for, so a short page is not the
   * end; one that brings nothing new is, also of a server that knows no offsets.
   */
  async #list<T extends { name: string }>(path: string): Promise<T[]> {
    const all = new Map<string, T>();
    let offset = 0;
    for (;;) {
      const listed = await this.#http.json<T[]>('GET', `${path}?limit=${LISTED_AT_A_TIME}&offset=${offset}`);
      const known = all.size;
      for (const one of listed) all.set(one.name, one);
      if (all.size === known) return [...all.values()];
      offset += listed.length;
    }
  }

  async count(address: CollectionAddress): Promise<number> {
    return this.#http.json<number>('GET', `${collectionPath(address)}/count`);
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
    return scanPage(await this.pageBytes(address, selection, include), new Float32Array(capacity));
  }

  /**
   * The same as {@link page}, as the bytes that came. @param room for them
   * @throws AnswerTooLarge if they are more than there may be
   */
  async pageBytes(
    address: CollectionAddress,
    selection: Selection,
    include: readonly Include[],
    room?: Room,
  ): Promise<Buffer> {
    return this.#http.bytes('POST', `${collectionPath(address)}/get`, { ...selection, include }, room);
  }

  /** The `count` nearest records of each query, with Chroma's own distances. */
  async nearest(address: CollectionAddress, queries: number[][], count: number): Promise<Neighbours[]> {
    const answer = await this.#http.json<{ ids: string[][]; distances: (number | null)[][] }>(
      'POST',
      `${collectionPath(address)}/query`,
      { query_embeddings: queries, n_results: count, include: ['distances'] },
    );
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
