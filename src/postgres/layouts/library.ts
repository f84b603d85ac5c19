/** What the layouts of the libraries have in common. */
import pg from 'pg';

/** What the column `chroma` is, for whoever meets it. */
export const CHROMA_COMMENT = pg.escapeLiteral(
  'What Chroma said of the record that has no place in the other columns: its uri, and null for a document or metadata that it had not.',
);

/** @param column the library's, which has a value where Chroma had none */
export const unlessNull = (column: string, key: 'document' | 'metadata'): string =>
  `case when n.chroma ? '${key}' then null else n.${column} end`;

export const URI = `n.chroma ->> 'uri'`;
