import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { TargetRefused } from '../../src/errors.ts';
import { openDatabase } from '../../src/postgres/database.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tls-'));
});
after(() => rmSync(folder, { recursive: true }));

/** A self-signed certificate for one name. */
function certificateFor(name: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=test', '-addext', `subjectAltName=${name}`, '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

/** ErrorResponse: FATAL, 28P01. Whoever gets it has accepted the certificate and sent its start-up message. */
const REFUSAL = (() => {
  const fields = Buffer.from('SFATAL\0C28P01\0Mrefused\0\0');
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from('E'), length, fields]);
})();

/** Whether a connection to a server with that certificate is begun, or given up because of the certificate. */
async function outcome(
  certificateName: string,
  host: string,
  options: { trusted: boolean; sslmode: string },
) {
  const { key, cert } = certificateFor(certificateName);
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    // SSLRequest, answered "yes".
    socket.once('data', () => {
      socket.write('S');
      const secured = new TLSSocket(socket, { isServer: true, key, cert });
      secured.on('error', () => undefined);
      secured.once('data', () => secured.end(REFUSAL));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const database = openDatabase({
    url: `postgres://app:secret@${host}:${port}/db?sslmode=${options.sslmode}`,
    ...(options.trusted && { ca: cert }),
  });
  try {
    await database.withClient('test', (client) => client.query('select 1'));
    return assert.fail('the server refuses everybody');
  } catch (error) {
    assert.ok(error instanceof TargetRefused, String(error));
    return /password/.test(error.message) ? 'begun' : 'given up';
  } finally {
    server.close();
  }
}

for (const sslmode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
  test(`sslmode=${sslmode} sends nothing to a server whose authority is not known`, async () => {
    assert.equal(await outcome('DNS:localhost', 'localhost', { trusted: false, sslmode }), 'given up');
  });
  test(`sslmode=${sslmode} sends nothing to a server whose certificate is for another name`, async () => {
    assert.equal(await outcome('DNS:elsewhere', 'localhost', { trusted: true, sslmode }), 'given up');
  });
}

test('a known authority and the right name are accepted', async () => {
  assert.equal(
    await outcome('DNS:localhost', 'localhost', { trusted: true, sslmode: 'verify-full' }),
    'begun',
  );
});

test('an IP address is compared with the addresses of the certificate, and not with its names', async () => {
  const options = { trusted: true, sslmode: 'verify-full' };
  assert.equal(await outcome('IP:127.0.0.1', '127.0.0.1', options), 'begun');
  assert.equal(await outcome('DNS:localhost', '127.0.0.1', options), 'given up');
});
