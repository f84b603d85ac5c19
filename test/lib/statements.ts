import type { Template } from 'aws-cdk-lib/assertions';
import { functionsOf, type Resource, resourcesOf } from './synthesize.ts';

export interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: unknown;
}

/** What a step's function or a helper may do. */
export const statementsOf = (template: Template, functionName: string): Statement[] =>
  statementsOfRole(template, functionsOf(template).get(functionName)!.Role['Fn::GetAtt'][0]);

export function machineStatements(template: Template): Statement[] {
  const [[, machine]] = resourcesOf(template, 'AWS::StepFunctions::StateMachine') as [[string, Resource]];
  return statementsOfRole(template, machine.Properties.RoleArn['Fn::GetAtt'][0]);
}

function statementsOfRole(template: Template, role: string): Statement[] {
  return resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some((one: { Ref: string }) => one.Ref === role))
    .flatMap(([, { Properties }]): Statement[] => Properties.PolicyDocument.Statement)
    .filter(({ Effect }) => Effect === 'Allow');
}

export const actionsOf = (statements: Statement[]): string[] =>
  [...new Set(statements.flatMap(({ Action }) => Action))].sort();

/** The resources of all statements that allow the action, as text. */
export const resourcesFor = (statements: Statement[], action: string): string =>
  JSON.stringify(
    statements.filter(({ Action }) => [Action].flat().includes(action)).map((one) => one.Resource),
  );
