import pg from 'pg';

/** Connects, and ends the connection afterwards. */
export async function withClient<T>(
  { url }: { url: string },
  run: (client: pg.Client) => Promise<T>,
  config: pg.ClientConfig = {},
): Promise<T> {
  const client = new pg.Client({ connectionString: url, ...config });
  // A connection that is cut on purpose says so here.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** Cuts the connection as a dying process does. */
export const cut = (client: pg.Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
