import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { MessageReader } from './message-reader.ts';
import {
  ASK_FOR_PASSWORD,
  AUTHENTICATED,
  backendKeyData,
  cstring,
  Fatal,
  NO_ENCRYPTION,
  negotiateProtocolVersion,
  ProtocolViolation,
  parameterStatus,
  readStartupPacket,
  readyForQuery,
} from './protocol.ts';
import { type Settings, settingsOf } from './settings.ts';

/** The only role and the only database. */
export const USER = 'postgres';
export const DATABASE = 'postgres';

/** Longer than any client takes that knows its password. */
const GREETING_MILLISECONDS = 30_000;

export interface House {
  password: string;
  /** What clients are told about the server, by name. */
  parameters: ReadonlyMap<string, string>;
}

/**
 * Lets a client in.
 *
 * @returns what the client wants set; null if it wants no session after all
 * @throws Fatal if it may not have one
 */
export async function greet(
  number: number,
  reader: MessageReader,
  socket: Socket,
  house: House,
): Promise<Settings | null> {
  socket.setTimeout(GREETING_MILLISECONDS, () => socket.destroy());
  const parameters = await startupParameters(reader, socket);
  if (!parameters) return null;
  const user = parameters.get('user') ?? '';
  const database = parameters.get('database') ?? user;
  socket.write(ASK_FOR_PASSWORD);
  const answer = await reader.next();
  if (!answer) return null;
  if (answer.type !== 'p') throw new ProtocolViolation(`a message '${answer.type}' instead of a password`);
  if (!isSame(cstring(answer.body).value, house.password) || user !== USER)
    throw new Fatal('28P01', `password authentication failed for user "${user}"`);
  if (database !== DATABASE) throw new Fatal('3D000', `database "${database}" does not exist`);
  const settings = settingsOf(parameters);
  const shown = [...house.parameters].map(([name, value]) =>
    parameterStatus(name, settings.get(name) ?? value),
  );
  const key = backendKeyData(number, randomInt(2 ** 31));
  socket.write(Buffer.concat([AUTHENTICATED, ...shown, key, readyForQuery('I')]));
  socket.setTimeout(0);
  return settings;
}

async function startupParameters(reader: MessageReader, socket: Socket): Promise<Map<string, string> | null> {
  for (;;) {
    const packet = await reader.startupPacket();
    if (!packet) return null;
    const asked = readStartupPacket(packet);
    if (asked.kind === 'encryption') socket.write(NO_ENCRYPTION);
    // A statement in WebAssembly cannot be interrupted.
    else if (asked.kind === 'cancel') return null;
    else if (asked.kind === 'unknown')
      throw new Fatal('0A000', 'The embedded Postgres speaks protocol 3.0 only.');
    else {
      const options = [...asked.parameters.keys()].filter((name) => name.startsWith('_pq_.'));
      if (asked.isNewer || options.length > 0) socket.write(negotiateProtocolVersion(options));
      return asked.parameters;
    }
  }
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, expected: string): boolean {
  const hash = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
