import { digestsQuery } from '../postgres/digest.ts';
import { guide } from '../postgres/layouts/guide.ts';

/** A query for (id uuid, source_id text, digest bigint) of all records in a schema's tables, which are the guide's. */
export const digestsWithIds = (schema: string): string => digestsQuery(guide, schema, 'd.id');
