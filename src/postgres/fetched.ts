import type pg from 'pg';

/** Rows fetched at a time: of digests 2 MB. */
const FETCHED = 20_000;

/** The rows of a query of any length, some at a time, within the caller's transaction. */
export async function* fetched<Row extends pg.QueryResultRow>(
  client: pg.Client,
  query: string,
): AsyncGenerator<Row[]> {
  await client.query(`declare fetched no scroll cursor for ${query}`);
  for (;;) {
    const { rows } = await client.query<Row>(`fetch ${FETCHED} from fetched`);
    yield rows;
    if (rows.length < FETCHED) break;
  }
  await client.query('close fetched');
}

/** Records of a query for (id uuid, digest bigint), in the form of digests.bin. */
export async function* fetchedDigests(client: pg.Client, query: string): AsyncGenerator<Buffer> {
  const records = `select encode(uuid_send(id) || int8send(digest), 'hex') as record from (${query}) digested`;
  for await (const rows of fetched<{ record: string }>(client, records))
    yield Buffer.from(rows.map(({ record }) => record).join(''), 'hex');
}
