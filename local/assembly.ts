/**
 * Reads a cloud assembly, the folder that `cdk synth` makes, as far as the local runner needs it: the state
 * machine's definition and the functions that it calls. No CDK is loaded.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInput } from '../src/errors.ts';
import type { LambdaDefinition } from './lambda/lambda-definition.ts';
import { isObject, type Json, type JsonObject } from './state-machine/json.ts';
import { LocalNames } from './template-values.ts';

export interface Assembly {
  readonly folder: string;
  /** In it every resource has its local name: `function:<LogicalId>`, `bucket:<LogicalId>` … */
  readonly definition: Json;
  /** The functions that the definition names, by local name. */
  readonly functions: ReadonlyMap<string, LambdaDefinition>;
  /** Local names of the buckets that it names. */
  readonly buckets: readonly string[];
}

/** @throws InvalidInput naming what is missing or not understood */
export function readAssembly(folder: string): Assembly {
  const manifest = readJson(join(folder, 'manifest.json'));
  const template = readJson(join(folder, onlyStack(folder, manifest)));
  const resources = template.Resources as Record<string, JsonObject>;
  const machines = Object.entries(resources).filter(
    ([, { Type }]) => Type === 'AWS::StepFunctions::StateMachine',
  );
  const [machine] = machines;
  if (!machine || machines.length > 1)
    throw new InvalidInput(
      `The assembly ${folder} has ${machines.length} state machines and must have one: synthesize it again.`,
    );
  const names = new LocalNames(template);
  const [id, { Properties }] = machine;
  const definition = readDefinition(names, id, Properties as JsonObject);
  const assets = readAssets(folder, manifest);
  // The names that the definition itself uses; the functions' environments use others.
  const [functionNames, buckets] = [names.used('function'), names.used('bucket')];
  const functions = functionNames.map((name) => {
    const logicalId = name.slice('function:'.length);
    const definition = readFunction(folder, logicalId, resources[logicalId] as JsonObject, names, assets);
    return [name, definition] as const;
  });
  return { folder, definition, functions: new Map(functions), buckets };
}

function readDefinition(names: LocalNames, id: string, { DefinitionString }: JsonObject): Json {
  if (DefinitionString === undefined)
    throw new InvalidInput(`The state machine ${id} has no DefinitionString: synthesize it again.`);
  const text = names.resolve(DefinitionString, `${id}.DefinitionString`);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidInput(
      `The definition of the state machine ${id} is no JSON (${(error as Error).message}): synthesize it again.`,
    );
  }
}

function readFunction(
  folder: string,
  id: string,
  { Properties, Metadata }: JsonObject,
  names: LocalNames,
  assets: ReadonlyMap<string, string>,
): LambdaDefinition {
  const { Handler, MemorySize = 128, Timeout = 3, Environment, Code } = Properties as JsonObject;
  const variables = isObject(Environment) && isObject(Environment.Variables) ? Environment.Variables : {};
  const environment = Object.entries(variables).map(
    ([name, value]) => [name, names.resolve(value, `${id}.Environment.${name}`)] as const,
  );
  const path = isObject(Metadata) ? Metadata['aws:asset:path'] : undefined;
  const key = isObject(Code) ? Code.S3Key : undefined;
  const asset = typeof path === 'string' ? path : assets.get(String(key));
  if (asset === undefined)
    throw new InvalidInput(
      `The function ${id} has no folder of code in the assembly: synthesize with bundling.`,
    );
  return {
    name: id,
    handler: Handler as string,
    codeFolder: join(folder, asset),
    memoryMb: MemorySize as number,
    timeoutSeconds: Timeout as number,
    environment: Object.fromEntries(environment),
  };
}

/** Folders of the assets by the key under which they are uploaded. */
function readAssets(folder: string, manifest: JsonObject): Map<string, string> {
  const assets = new Map<string, string>();
  for (const { properties } of artifacts(manifest, 'cdk:asset-manifest')) {
    const { files } = readJson(join(folder, (properties as JsonObject).file as string));
    for (const { source, destinations } of Object.values((files ?? {}) as Record<string, JsonObject>))
      for (const { objectKey } of Object.values(destinations as Record<string, JsonObject>))
        assets.set(objectKey as string, (source as JsonObject).path as string);
  }
  return assets;
}

/** The template's file name. */
function onlyStack(folder: string, manifest: JsonObject): string {
  const stacks = artifacts(manifest, 'aws:cloudformation:stack');
  const [stack] = stacks;
  if (!stack || stacks.length > 1)
    throw new InvalidInput(
      `The assembly ${folder} has ${stacks.length} stacks and must have one: synthesize it again.`,
    );
  return (stack.properties as JsonObject).templateFile as string;
}

const artifacts = ({ artifacts }: JsonObject, type: string): JsonObject[] =>
  Object.values((artifacts ?? {}) as Record<string, JsonObject>).filter((one) => one.type === type);

function readJson(path: string): JsonObject {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
  } catch (error) {
    throw new InvalidInput(
      `The assembly's ${path} cannot be read (${(error as Error).message}): synthesize it again.`,
    );
  }
}
