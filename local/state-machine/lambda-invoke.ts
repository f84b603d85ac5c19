import { StateFailure } from './errors.ts';
import type { Fields } from './fields.ts';
import { isObject, type Json } from './json.ts';
import type { TaskResource } from './resource.ts';

export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';

/**
 * Calls a function with a payload and returns what it returned.
 * @throws StateFailure
 */
export type Invoke = (functionName: string, payload: Json, signal: AbortSignal) => Promise<Json>;

/** Lambda's optimized integration, request and response. */
export class LambdaInvoke implements TaskResource {
  readonly #functions: ReadonlySet<string>;
  readonly #invoke: Invoke;

  /** @param functions the names that FunctionName may have */
  constructor(functions: Iterable<string>, invoke: Invoke) {
    this.#functions = new Set(functions);
    this.#invoke = invoke;
  }

  check(args: Fields): void {
    const name = args.string('FunctionName');
    if (!this.#functions.has(name))
      args.refuse('FunctionName', `names no function of the assembly: '${name}'`);
    args.json('Payload');
    args.end();
  }

  async call(args: Json, signal: AbortSignal): Promise<Json> {
    if (!isObject(args)) throw new StateFailure('Lambda.InvalidRequestContentException', 'No arguments.');
    const payload = await this.#invoke(args.FunctionName as string, args.Payload ?? {}, signal);
    return { ExecutedVersion: '$LATEST', Payload: payload, StatusCode: 200 };
  }
}
