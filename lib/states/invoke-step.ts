import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { StepFunction } from '../step-function.ts';
import { STEP_RETRIES } from './retries.ts';

/** A JSONata expression, as `{% … %}`. */
export type Expression = `{% ${string} %}`;

/** A step's input with an expression or a constant for each of its keys; the keys are the contract's. */
export type Payload<Input> = Expression | { readonly [Key in keyof Input]-?: Expression | Input[Key] };

export interface InvokeStepProps<Input> {
  readonly comment: string;
  readonly payload: Payload<Input>;
  /** Variables that later states use. */
  readonly assign?: Record<string, Expression>;
  readonly retries?: readonly sfn.RetryProps[];
}

/** What the step returned, in Assign and Output of its state. */
export const RESULT: Expression = '{% $states.result.Payload %}';

/** A Task that invokes a step's function and hands on what it returned, without Lambda's wrapping. */
export function invokeStep<Input>(
  scope: Construct,
  name: string,
  step: StepFunction,
  props: InvokeStepProps<Input>,
): LambdaInvoke {
  const { comment, payload, assign, retries = STEP_RETRIES } = props;
  const state = LambdaInvoke.jsonata(scope, name, {
    comment,
    lambdaFunction: step.function,
    payload:
      typeof payload === 'string' ? sfn.TaskInput.fromText(payload) : sfn.TaskInput.fromObject(payload),
    outputs: RESULT,
    ...(assign && { assign }),
    // Lambda ends the function first and says why; this ends a call that never comes back.
    taskTimeout: sfn.Timeout.duration(step.timeout.plus(Duration.seconds(30))),
    // The retries below name those errors too.
    retryOnServiceExceptions: false,
  });
  for (const retry of retries) state.addRetry(retry);
  return state;
}
