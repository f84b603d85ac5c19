import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of the bytes that pass. */
export type Weather =
  | { kind: 'fair' }
  /** Nothing passes and nobody is let in: connections are closed at once. */
  | { kind: 'refuse' }
  /** Bytes are held until the weather changes. */
  | { kind: 'stall' }
  | { kind: 'throttle'; bytesPerSecond: number }
  /** The next piece from that side has these bytes in it, from a place in its middle on. */
  | { kind: 'garble'; from: 'client' | 'server'; bytes: Buffer };

/** Pieces in which throttled bytes pass. */
const PIECE_MILLISECONDS = 50;

/** Stands between a client and a server, and can be told to be a bad network. */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #weather: Weather = { kind: 'fair' };
  #changed = Promise.withResolvers<void>();

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client) => this.#connect(client));
  }

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Breaks off all connections. @returns how many there were */
  cut(): number {
    const cut = this.#sockets.size / 2;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return cut;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #connect(client: Socket): void {
    if (this.#weather.kind === 'refuse') {
      client.on('error', () => undefined).destroy();
      return;
    }
    const server = createConnection({ ...this.#target, allowHalfOpen: true });
    for (const [from, to, side] of [
      [client, server, 'client'],
      [server, client, 'server'],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      void this.#pass(from, to, side).catch(() => to.destroy());
    }
  }

  async #pass(from: Socket, to: Socket, side: 'client' | 'server'): Promise<void> {
    for await (const piece of from as AsyncIterable<Buffer>) {
      while (this.#weather.kind === 'stall') await this.#changed.promise;
      const bytes = this.#garbled(piece, side);
      if (this.#weather.kind === 'throttle') await this.#slowly(bytes, to);
      else if (!to.write(bytes) && !to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')]);
    }
    to.end();
  }

  async #slowly(bytes: Buffer, to: Socket): Promise<void> {
    for (let at = 0; at < bytes.length && !to.destroyed; ) {
      const weather = this.#weather;
      if (weather.kind !== 'throttle') {
        to.write(bytes.subarray(at));
        return;
      }
      const length = Math.max(1, Math.floor((weather.bytesPerSecond * PIECE_MILLISECONDS) / 1000));
      to.write(bytes.subarray(at, at + length));
      at += length;
      await sleep(PIECE_MILLISECONDS);
    }
  }

  /** Garbles one piece only. */
  #garbled(piece: Buffer, side: 'client' | 'server'): Buffer {
    const weather = this.#weather;
    if (weather.kind !== 'garble' || weather.from !== side || piece.length < 2) return piece;
    this.weather = { kind: 'fair' };
    const copy = Buffer.from(piece);
    weather.bytes.copy(copy, Math.floor(copy.length / 2));
    return copy;
  }
}
