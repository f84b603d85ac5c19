import { DEMO_COLLECTIONS } from './fill.ts';

/** What the demo asks of the migrated data, in the words of somebody who has not read it. */
export interface DemoQuery {
  question: string;
  /** Schema that the collection's name becomes, and its dimension. */
  schema: string;
  dimension: number;
  /** File that a person would expect among the first three. */
  expected: string;
}

const { sourceCode, documents } = DEMO_COLLECTIONS;

export const DEMO_QUERIES: readonly DemoQuery[] = [
  {
    question: 'How are the incoming tables put in the place of the live ones in one transaction?',
    schema: 'source_code',
    dimension: sourceCode.dimension,
    expected: 'src/publish/publish.ts',
  },
  {
    question:
      'Which plain lowercase identifier, a safe form of its own name, does a collection get as its schema?',
    schema: 'source_code',
    dimension: sourceCode.dimension,
    expected: 'src/plan/schema-name.ts',
  },
  {
    question: 'How do I install and start it?',
    schema: 'documents',
    dimension: documents.dimension,
    expected: 'README.md',
  },
];
