import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { World } from './world.ts';

const EVERY_MILLISECONDS = 200;

/** A reader of the live tables, as an application is one: at each look they must be one version, and whole. */
export class Watch {
  readonly #world: World;
  readonly #versions: Record<string, Set<number>>;
  readonly #ended: Promise<void>;
  #stopped = false;
  looks = 0;

  constructor(world: World) {
    this.#world = world;
    this.#versions = Object.fromEntries(
      ['docs', 'notes'].map((schema) => [
        schema,
        new Set(world.sources.map(({ records }) => records[schema]!.size)),
      ]),
    );
    this.#ended = this.#look();
    this.#ended.catch(() => undefined);
  }

  /** @throws AssertionError if a look has found anything else */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      const client = await this.#world.postgres.connect();
      try {
        while (!this.#stopped) {
          for (const [schema, sizes] of Object.entries(this.#versions)) {
            const size = await sizeOf(client, schema);
            assert.ok(sizes.has(size), `a reader saw ${size} records in the live ${schema}`);
          }
          this.looks++;
          await sleep(EVERY_MILLISECONDS);
        }
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // 42P01, no such table: never while the server stands.
        assert.notEqual((error as pg.DatabaseError).code, '42P01', (error as Error).message);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
}

async function sizeOf(client: pg.Client, schema: string): Promise<number> {
  const { rows } = await client.query<{ size: number }>(
    `select count(*)::int as size from ${schema}.documents d join ${schema}.embeddings e on e.document_id = d.id`,
  );
  return rows[0]!.size;
}
