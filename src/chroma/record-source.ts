import type { ChromaSource } from './chroma-source.ts';

/** What the engine asks of a source: a Chroma server answers it, and files as far as they can. */
export type RecordSource = Pick<ChromaSource, keyof ChromaSource>;

/** Whether a source is a server's address; a file, a folder or a place in a bucket otherwise. */
export const isServer = (source: string): boolean => /^https?:\/\//i.test(source);
