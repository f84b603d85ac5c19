/**
 * Anything that Chroma takes arrives, to the bit, or is listed with its reason. `PROPERTY_SECONDS=600` tries more,
 * `PROPERTY_SEED` other ones, and `PROPERTY_PATH` the one that a failure named.
 */
import { after, before, describe, it } from 'node:test';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { migrateAny } from '../fixtures/migrate-any.ts';

describe('any collection', { skip: !process.env.DATABASE_URL && 'needs a native server' }, () => {
  let chroma: TestChroma;
  before(async () => {
    chroma = await startTestChroma();
  });
  after(() => chroma?.stop());

  it('arrives whole, but for the records that Postgres cannot hold, and these are listed', async (context) => {
    context.diagnostic(
      await migrateAny(chroma.url, { runs: 25, seconds: 40, takesLists: false, takesEmptyKeys: true }),
    );
  });
});
