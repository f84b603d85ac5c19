import { cstring, type Message, message, text } from './protocol.ts';

/**
 * Keeps the prepared statements of connections apart that share one session: each gets a name of its own there.
 * Portals need none, as they end with the transaction, and so does the loan of the session. What SQL says with
 * PREPARE, EXECUTE and DEALLOCATE is left as it is: those names are common to all connections.
 */
export class StatementNames {
  readonly #prefix: string;
  /** By the client's name, the one that Postgres knows: short, as Postgres looks at 63 bytes only. */
  readonly #names = new Map<string, string>();
  #given = 0;

  constructor(connection: number) {
    this.#prefix = `c${connection}_`;
  }

  /** Names of the statements that stand, as Postgres knows them. */
  get standing(): string[] {
    return [...this.#names.values()];
  }

  /**
   * @param unnamedIsOwn whether the session's unnamed statement is this connection's. Where it is another's, the
   * message gets a name that does not exist, and Postgres refuses it.
   * @returns the message with the name that Postgres shall know
   */
  rename({ type, body }: Message, unnamedIsOwn: boolean): Buffer {
    if (type === 'P') {
      const { value, end } = cstring(body);
      return message(type, text(this.#made(value)), body.subarray(end));
    }
    if (type === 'B') {
      const portal = cstring(body);
      const { value, end } = cstring(body, portal.end);
      const name = text(this.#known(value, unnamedIsOwn));
      return message(type, body.subarray(0, portal.end), name, body.subarray(end));
    }
    if ((type === 'D' || type === 'C') && body[0] === STATEMENT) {
      const { value, end } = cstring(body, 1);
      const name = text(this.#known(value, unnamedIsOwn));
      if (type === 'C') this.#names.delete(value);
      return message(type, body.subarray(0, 1), name, body.subarray(end));
    }
    return message(type, body);
  }

  #made(name: string): string {
    if (name === '') return '';
    const made = this.#names.get(name) ?? `${this.#prefix}${++this.#given}`;
    this.#names.set(name, made);
    return made;
  }

  #known(name: string, unnamedIsOwn: boolean): string {
    if (name === '') return unnamedIsOwn ? '' : this.#prefix;
    return this.#names.get(name) ?? this.#prefix + name;
  }
}

const STATEMENT = 'S'.charCodeAt(0);
