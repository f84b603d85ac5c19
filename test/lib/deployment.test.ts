/** What the functions do that a deployment calls. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { grantDatabaseAccess, type SecretCourier } from '../../lambdas/access-grant.ts';
import { headersOf } from '../../lambdas/chroma-headers.ts';
import { answerCloudFormation, type CustomResourceEvent } from '../../lambdas/custom-resource.ts';

const SECRET = JSON.stringify({ username: 'postgres', password: 'opensesame', port: 5432 });

describe('a custom resource', () => {
  it('tells CloudFormation its id, as bytes without a content type', async (context) => {
    const { event, answers } = await cloudFormation(context);
    await answerCloudFormation(event('Create'), async () => ({ id: 'pl-1', data: { a: 'b' } }));
    const [{ headers, body }] = answers as [Answer];
    assert.equal(headers['content-type'], undefined);
    assert.deepEqual(body, {
      ...{ StackId: 'stack', RequestId: 'request', LogicalResourceId: 'logical' },
      ...{ Status: 'SUCCESS', PhysicalResourceId: 'pl-1', Data: { a: 'b' } },
    });
  });

  it('says why it failed, so that a deployment does not wait for an hour', async (context) => {
    const { event, answers } = await cloudFormation(context);
    await answerCloudFormation(event('Update'), () => Promise.reject(new Error('why'.repeat(10_000))));
    assert.equal(answers[0]!.body.Status, 'FAILED');
    assert.match(answers[0]!.body.Reason!, /^why/);
    assert.ok(JSON.stringify(answers[0]!.body).length < 4096);
  });

  it('deletes nothing', async (context) => {
    const { event, answers } = await cloudFormation(context);
    await answerCloudFormation(event('Delete'), () => assert.fail('it acted'));
    assert.equal(answers[0]!.body.Status, 'SUCCESS');
    assert.equal(answers[0]!.body.PhysicalResourceId, 'before');
  });
});

describe('the access to the database', () => {
  const properties = { SecretArn: 'arn:s', FunctionName: 'create', User: 'mover', OwnsDatabase: 'true' };
  const courier = (changes: Partial<SecretCourier> = {}): SecretCourier => ({
    readSecret: async () => SECRET,
    invoke: async () => ({}),
    ...changes,
  });

  it('is carried in by a direct call, with the credentials alone of all that the secret holds', async () => {
    const calls: unknown[] = [];
    const invoke: SecretCourier['invoke'] = async (...call) => {
      calls.push(call);
      return {};
    };
    assert.deepEqual(await grantDatabaseAccess(courier({ invoke }), properties), { id: 'role-mover' });
    assert.deepEqual(calls, [
      ['create', { username: 'postgres', password: 'opensesame', user: 'mover', ownsDatabase: true }],
    ]);
  });

  it('fails with what the function inside said', async () => {
    const Payload = Buffer.from(JSON.stringify({ errorMessage: 'role "rds_iam" does not exist' }));
    await assert.rejects(
      grantDatabaseAccess(
        courier({ invoke: async () => ({ FunctionError: 'Unhandled', Payload }) }),
        properties,
      ),
      /mover could not be made: role "rds_iam" does not exist/,
    );
  });

  it('never shows a secret that it does not understand', async () => {
    for (const secret of ['opensesame', '{"password":"opensesame"}', undefined])
      await assert.rejects(
        grantDatabaseAccess(courier({ readSecret: async () => secret }), properties),
        ({ message }: Error) => message.includes('arn:s') && !message.includes('opensesame'),
      );
  });
});

describe("Chroma's secret", () => {
  it('is a token or a JSON object of headers', () => {
    assert.deepEqual(headersOf('ck-abc\n', 'arn'), { 'x-chroma-token': 'ck-abc' });
    assert.deepEqual(headersOf('{"authorization":"Bearer x"}', 'arn'), { authorization: 'Bearer x' });
  });

  it('is not repeated where it is neither', () => {
    for (const secret of ['two words', '{"a":1}', '{"a: b":"opensesame"}', '{opensesame', '', undefined])
      assert.throws(
        () => headersOf(secret, 'arn:chroma'),
        ({ message }: Error) => message.includes('arn:chroma') && !message.includes('opensesame'),
      );
  });
});

interface Answer {
  headers: NodeJS.Dict<string | string[]>;
  body: Record<string, string>;
}

/** The address that CloudFormation gives out for the answer. */
async function cloudFormation(context: TestContext) {
  const answers: Answer[] = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    answers.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.end();
  }).listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const event = (RequestType: CustomResourceEvent['RequestType']): CustomResourceEvent => ({
    RequestType,
    ResponseURL: `http://127.0.0.1:${port}/answer?signed`,
    ...{ StackId: 'stack', RequestId: 'request', LogicalResourceId: 'logical' },
    ...(RequestType === 'Create' ? {} : { PhysicalResourceId: 'before' }),
    ResourceProperties: {},
  });
  return { event, answers };
}
