/** What another CDK app imports. */
export { ChromaToPgvector, type ChromaToPgvectorProps } from './chroma-to-pgvector.ts';
