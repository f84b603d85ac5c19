import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../../lib/app.ts';

export interface Resource {
  Type: string;
  Properties: Properties;
}
// biome-ignore lint/suspicious/noExplicitAny: what a template holds is what the tests look at; it has no type.
type Properties = Record<string, any>;

/** As far as the tests look at it. */
export interface Definition {
  States: Record<string, StateJson>;
  TimeoutSeconds?: number;
}
export interface StateJson {
  Type: string;
  Resource: string;
  Arguments: { FunctionName: string; Payload: string | Record<string, string> };
  Assign: Record<string, string>;
  Items: string;
  ItemReader: { Arguments: { Key: string } };
  ItemProcessor?: Definition & { ProcessorConfig: { Mode: string; ExecutionType: string } };
  MaxConcurrency: number | string;
  TimeoutSeconds: number;
  Retry?: Retry[];
  Choices?: { Condition: string; Next: string }[];
  Catch?: { Next: string }[];
  Default?: string;
  Next?: string;
  [field: string]: unknown;
}
export interface Retry {
  ErrorEquals: string[];
  IntervalSeconds: number;
  MaxAttempts: number;
  BackoffRate: number;
  MaxDelaySeconds: number;
  JitterStrategy: string;
}

export interface Synthesized {
  stack: Stack;
  template: Template;
}

/** The stack as it would be deployed, without the functions' code. */
export function synthesize(context: Record<string, unknown> = {}): Synthesized {
  const app = createApp({
    context: { 'aws:cdk:bundling-stacks': [], ...context },
    // Takes 1.8 s; app.test.ts has it once.
    builtinCloudFormationValidation: false,
  });
  const stack = app.node.findChild('ChromaToPgvector') as Stack;
  return { stack, template: Template.fromStack(stack) };
}

export function resourcesOf(template: Template, type: string): [id: string, Resource][] {
  return Object.entries(template.findResources(type)) as [string, Resource][];
}

/** Functions by the name of their step, without CDK's own. */
export function functionsOf(template: Template): Map<string, Resource['Properties']> {
  const functions = resourcesOf(template, 'AWS::Lambda::Function').filter(
    ([, { Properties }]) => Properties.Environment,
  );
  return new Map(
    functions.map(([, { Properties }]) => [Properties.Handler.replace('.handler', ''), Properties]),
  );
}

/** The state machine's definition as AWS gets it, with a name for each resource that it points to. */
export function definitionOf(template: Template): Definition {
  const [[, machine]] = resourcesOf(template, 'AWS::StepFunctions::StateMachine') as [[string, Resource]];
  const { DefinitionString } = machine.Properties;
  const parts: unknown[] = DefinitionString['Fn::Join'][1];
  return JSON.parse(
    parts.map((part) => (typeof part === 'string' ? part : nameOf(part as Properties, template))).join(''),
  );
}

function nameOf(reference: Properties, template: Template): string {
  if (reference.Ref === 'AWS::Partition') return 'aws';
  const id: string = reference.Ref ?? reference['Fn::GetAtt'][0];
  const { Type, Properties } = template.toJSON().Resources[id] as Resource;
  if (Type === 'AWS::Lambda::Function') return `function:${Properties.Handler.replace('.handler', '')}`;
  return Type.split('::').at(-1)!;
}

export interface State {
  name: string;
  /** Names of the Map states around it, outermost first. */
  within: string[];
  json: StateJson;
}

/** All states, those of the maps' children included. */
export function statesOf(definition: Definition, within: string[] = []): State[] {
  return Object.entries(definition.States).flatMap(([name, json]) => [
    { name, within, json },
    ...(json.ItemProcessor ? statesOf(json.ItemProcessor, [...within, name]) : []),
  ]);
}

/** Names of the states that may follow, in order. */
export function successorsOf(json: StateJson): string[] {
  const choices = (json.Choices ?? []).map((choice) => choice.Next);
  const catches = (json.Catch ?? []).map((one) => one.Next);
  return [...choices, json.Default, json.Next, ...catches].filter((name) => typeof name === 'string');
}
