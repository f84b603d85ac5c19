import pg from 'pg';
import type { CollectionPlan } from '../../contract.ts';
import { guide, guideTables } from './guide.ts';
import type { Layout } from './layout.ts';

/**
 * The guide's tables, each a partition of those that all collections of one dimension and space share
 * (src/postgres/shared-tables.ts). The check lets them become partitions without being read.
 */
export const shared: Layout = {
  ...guide,
  metadata: null,
  tables: (plan, schema) => guideTables(plan, schema, { collection: ownCollection(plan), partition: '' }),
};

function ownCollection({ schema }: CollectionPlan): string {
  const name = pg.escapeLiteral(schema);
  return `collection text not null default ${name} check (collection = ${name}),\n  `;
}
