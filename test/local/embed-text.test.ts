/** A text is embedded by the collection's own function, whose npm package need not be here. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type EmbeddingFunctionConfig, embedText } from '../../local/embed-text.ts';
import { InvalidInput, SourceUnavailable } from '../../src/errors.ts';

const known = (name: string, config = {}): EmbeddingFunctionConfig => ({ type: 'known', name, config });

describe('a text that is searched for', () => {
  it('is embedded by an installed package, under the name that Python has for it; else it is said why not', async () => {
    const asked: unknown[] = [];
    const server = createServer(async (request, response) => {
      asked.push(JSON.parse(Buffer.concat(await request.toArray()).toString('utf8')));
      response.end('[[0.25, 0.5]]');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const asPythonSays = known('huggingface_server', { url });
    assert.deepEqual(await embedText('what is it?', 'docs', asPythonSays), [0.25, 0.5]);
    assert.deepEqual(asked, [{ inputs: ['what is it?'] }]);
    server.close();
    server.closeAllConnections();
    await assert.rejects(
      embedText('what is it?', 'docs', asPythonSays),
      (error) =>
        error instanceof SourceUnavailable && /did not embed the text \(.*\): see that/.test(error.message),
    );
  });

  for (const [name, npm] of [
    ['cloudflare_workers_ai', 'cloudflare-worker-ai'],
    ['together_ai', 'together-ai'],
    ['default', 'default-embed'],
  ])
    it(`names the package that ${name} is missing`, () =>
      assert.rejects(
        embedText('text', 'docs', known(name as string)),
        (error) =>
          error instanceof InvalidInput && error.message.includes(`npm install @chroma-core/${npm}, or`),
      ));

  it('cannot be searched for where Chroma does not say how', () =>
    assert.rejects(embedText('text', 'docs', null), InvalidInput));
});
