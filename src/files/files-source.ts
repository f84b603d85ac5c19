import type { RecordSource } from '../chroma/record-source.ts';
import { SourceRefused } from '../errors.ts';

/**
 * Files in the place of a Chroma server. All of them are read before the run begins and cut into shards then, so the
 * run's own steps find the plan, the shards and the sampled searches in the store and ask nothing of it.
 */
export class FilesSource implements RecordSource {
  readonly origin: string;

  /** @param place of the files, as the plan names it */
  constructor(place: string) {
    this.origin = place;
  }

  async version(): Promise<string> {
    return 'files';
  }

  async close(): Promise<void> {}

  readonly ownTenant = () => this.#refuse();
  readonly databases = () => this.#refuse();
  readonly collections = () => this.#refuse();
  readonly count = () => this.#refuse();
  readonly page = () => this.#refuse();
  readonly pageBytes = () => this.#refuse();
  readonly nearest = () => this.#refuse();

  async #refuse(): Promise<never> {
    throw new SourceRefused(
      `The store has lost some of what was read from ${this.origin}: import it again with another --run.`,
    );
  }
}
