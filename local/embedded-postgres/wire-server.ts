import { createServer, type Server, type Socket } from 'node:net';
import type { Backend } from './backend.ts';
import { Connection } from './connection.ts';
import { type House, USER } from './greeting.ts';
import { SharedSession } from './shared-session.ts';

/** What Postgres reports to each client at the start. */
const REPORTED_PARAMETERS = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'IntervalStyle',
  'scram_iterations',
  'search_path',
  'server_encoding',
  'server_version',
  'standard_conforming_strings',
  'TimeZone',
];

/** Serves one Postgres session to many clients of the wire protocol. */
export class WireServer {
  readonly #backend: Backend;
  readonly #house: House;
  readonly #session: SharedSession;
  readonly #server: Server;
  readonly #onLost: (error: Error) => void;
  /** Sockets of the clients, each with the end of its service. */
  readonly #clients = new Map<Socket, Promise<void>>();
  #connections = 0;

  private constructor(
    backend: Backend,
    session: SharedSession,
    house: House,
    onLost: (error: Error) => void,
  ) {
    this.#backend = backend;
    this.#session = session;
    this.#house = house;
    this.#onLost = onLost;
    this.#server = createServer({ noDelay: true }, (socket) => this.#welcome(socket));
  }

  /**
   * @param password that clients have to know
   * @param onLost is called if Postgres fails: nothing can be served any more
   */
  static async start(
    backend: Backend,
    password: string,
    onLost: (error: Error) => void,
  ): Promise<WireServer> {
    const session = new SharedSession(backend);
    const names = REPORTED_PARAMETERS.map((name) => `'${name}'`).join();
    const { rows } = await session.run(`select name, setting from pg_settings where name in (${names})`);
    const parameters = new Map(rows.map(([name, setting]) => [name ?? '', setting ?? '']));
    parameters.set('is_superuser', 'on').set('session_authorization', USER);
    const server = new WireServer(backend, session, { password, parameters }, onLost);
    void backend.broken.then(onLost);
    await server.#listen();
    return server;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Lets the running statement end, sends the clients away and closes the database. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const served = [...this.#clients.values()];
    for (const socket of this.#clients.keys()) socket.destroy();
    await closed;
    await Promise.all(served);
    await this.#backend.close();
  }

  #welcome(socket: Socket): void {
    // A cut connection shows as the end of what it sends.
    socket.on('error', () => undefined);
    const served = new Connection(++this.#connections, socket, this.#session)
      .serve(this.#house)
      .catch(this.#onLost)
      .finally(() => {
        this.#clients.delete(socket);
        socket.destroySoon();
      });
    this.#clients.set(socket, served);
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
  }
}
