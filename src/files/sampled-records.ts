import type { Page } from '../chroma/scan-page.ts';
import type { SampledSearches } from '../contract.ts';
import { idAt } from '../shard/pages.ts';
import { isSearchable, samplesOf } from '../verify/sample-searches.ts';

/** Some of all records that came, each as likely as any other (Vitter, "Random sampling with a reservoir", 1985). */
export class SampledRecords {
  readonly #most: number;
  readonly #kept: { id: string; embedding: Float32Array }[] = [];
  #seen = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(page: Page, dimension: number | null): void {
    const { embeddings } = page;
    for (let index = 0; index < page.length; index++) {
      if (!embeddings?.finite[index]) continue;
      this.#seen++;
      const place =
        this.#kept.length < this.#most ? this.#kept.length : Math.floor(Math.random() * this.#seen);
      if (place >= this.#most) continue;
      const embedding = embeddings.components.slice(embeddings.offsets[index], embeddings.offsets[index + 1]);
      if (!isSearchable(embedding, dimension)) continue;
      this.#kept[place] = { id: idAt(page, index), embedding };
    }
  }

  /** As searches that nobody has answered. @param records of the collection */
  queries(records: number): SampledSearches['queries'] {
    return this.#kept.slice(0, samplesOf(records, this.#most)).map(({ id, embedding }) => ({
      ...{ id, embedding: [...embedding], ids: [], distances: [], milliseconds: 0 },
    }));
  }
}
