/** What the local runner takes from a cloud assembly. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readAssembly } from '../../local/assembly.ts';
import { InvalidInput } from '../../src/errors.ts';

const WORK = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    Handler: 'work.handler',
    MemorySize: 512,
    Timeout: 900,
    Code: { S3Bucket: 'assets', S3Key: 'abc.zip' },
    Environment: {
      Variables: {
        STORE_URL: { 'Fn::Join': ['', ['s3://', { Ref: 'Shards' }]] },
        HOST: { 'Fn::GetAtt': ['Database', 'Endpoint.Address'] },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the form that Fn::Sub has.
        WHERE: { 'Fn::Sub': '${AWS::Region}/${Shards.Arn}/${Name}/${!literal}' },
      },
    },
  },
  Metadata: { 'aws:asset:path': 'asset.abc' },
};
const MACHINE = {
  Type: 'AWS::StepFunctions::StateMachine',
  Properties: {
    DefinitionString: {
      'Fn::Join': [
        '',
        [
          '{"Resource":"arn:',
          { Ref: 'AWS::Partition' },
          ':states","FunctionName":"',
          { 'Fn::GetAtt': ['Work', 'Arn'] },
          '","Bucket":"',
          { Ref: 'Shards' },
          '"}',
        ],
      ],
    },
  },
};
const RESOURCES = {
  Work: WORK,
  Unused: {
    Type: 'AWS::Lambda::Function',
    Properties: { Code: { ZipFile: 'inline' }, Handler: 'index.handler' },
  },
  Machine: MACHINE,
  Shards: { Type: 'AWS::S3::Bucket' },
  Other: { Type: 'AWS::S3::Bucket' },
  Database: { Type: 'AWS::RDS::DBInstance' },
};

interface Parts {
  resources?: Record<string, unknown>;
  stacks?: string[];
  assets?: object;
}

async function assemblyOf(
  context: TestContext,
  { resources = RESOURCES, stacks = ['Stack'], assets }: Parts = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const artifacts: Record<string, object> = {
    'Stack.assets': { type: 'cdk:asset-manifest', properties: { file: 'Stack.assets.json' } },
    Tree: { type: 'cdk:tree', properties: {} },
  };
  for (const stack of stacks)
    artifacts[stack] = { type: 'aws:cloudformation:stack', properties: { templateFile: 'template.json' } };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: '55.0.0', artifacts }));
  const Parameters = { Name: { Type: 'String', Default: 'docs' } };
  await writeFile(join(folder, 'template.json'), JSON.stringify({ Resources: resources, Parameters }));
  await writeFile(join(folder, 'Stack.assets.json'), JSON.stringify(assets ?? { files: {} }));
  return folder;
}

const refused = (folder: string, sentence: RegExp) =>
  assert.throws(
    () => readAssembly(folder),
    (error: unknown) => error instanceof InvalidInput && sentence.test(error.message),
  );

describe('An assembly', () => {
  it('gives the definition with a local name for each resource', async (context) => {
    const { definition } = readAssembly(await assemblyOf(context));
    assert.deepEqual(definition, {
      Resource: 'arn:aws:states',
      FunctionName: 'function:Work',
      Bucket: 'bucket:Shards',
    });
  });

  it('gives the functions and buckets that the definition names, and no other', async (context) => {
    const folder = await assemblyOf(context);
    const { functions, buckets } = readAssembly(folder);
    assert.deepEqual(buckets, ['bucket:Shards']);
    assert.deepEqual(
      [...functions],
      [
        [
          'function:Work',
          {
            name: 'Work',
            handler: 'work.handler',
            codeFolder: join(folder, 'asset.abc'),
            memoryMb: 512,
            timeoutSeconds: 900,
            environment: {
              STORE_URL: 's3://bucket:Shards',
              HOST: 'db-instance:Database.Endpoint.Address',
              // biome-ignore lint/suspicious/noTemplateCurlyInString: what Fn::Sub leaves of ${!…}.
              WHERE: 'local/bucket:Shards/docs/${literal}',
            },
          },
        ],
      ],
    );
  });

  it('gives a function’s folder by its asset’s key where the template does not say', async (context) => {
    const assets = {
      files: { abc: { source: { path: 'asset.xyz' }, destinations: { here: { objectKey: 'abc.zip' } } } },
    };
    const Work = { ...WORK, Metadata: {} };
    const folder = await assemblyOf(context, { resources: { ...RESOURCES, Work }, assets });
    assert.equal(readAssembly(folder).functions.get('function:Work')?.codeFolder, join(folder, 'asset.xyz'));
  });

  it('has Lambda’s own limits where the template sets none', async (context) => {
    const { MemorySize: _, Timeout: __, ...Properties } = WORK.Properties;
    const folder = await assemblyOf(context, { resources: { ...RESOURCES, Work: { ...WORK, Properties } } });
    const work = readAssembly(folder).functions.get('function:Work');
    assert.deepEqual([work?.memoryMb, work?.timeoutSeconds], [128, 3]);
  });
});

describe('An assembly is refused with a sentence', () => {
  it('if it is not there, or a file of it is no JSON', async (context) => {
    refused('/nowhere', /\/nowhere\/manifest\.json cannot be read/);
    const folder = await assemblyOf(context);
    await writeFile(join(folder, 'template.json'), '{');
    refused(folder, /template\.json cannot be read/);
  });

  it('if it has not exactly one stack and one state machine', async (context) => {
    refused(await assemblyOf(context, { stacks: [] }), /has 0 stacks/);
    refused(await assemblyOf(context, { stacks: ['A', 'B'] }), /has 2 stacks/);
    const { Machine, ...none } = RESOURCES;
    refused(await assemblyOf(context, { resources: none }), /has 0 state machines/);
    refused(
      await assemblyOf(context, { resources: { ...RESOURCES, Second: Machine } }),
      /has 2 state machines/,
    );
  });

  for (const [what, value] of [
    ['an intrinsic function that is not understood', { 'Fn::ImportValue': 'x' }],
    ['a reference to nothing', { Ref: 'Nowhere' }],
    ['a list', ['a']],
  ] as [string, unknown][])
    it(`if a function’s environment has ${what}`, async (context) => {
      const Properties = { ...WORK.Properties, Environment: { Variables: { STORE_URL: value } } };
      const folder = await assemblyOf(context, {
        resources: { ...RESOURCES, Work: { ...WORK, Properties } },
      });
      refused(folder, /Work\.Environment\.STORE_URL has .*, which the local runner does not understand/);
    });

  it('if a function that the definition names has no bundled code', async (context) => {
    const Properties = { ...WORK.Properties, Code: { ZipFile: 'exports.handler = 1' } };
    const folder = await assemblyOf(context, {
      resources: { ...RESOURCES, Work: { Type: WORK.Type, Properties } },
    });
    refused(folder, /function Work has no folder of code/);
  });
});
