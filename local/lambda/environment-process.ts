/**
 * A Lambda environment: loads one handler and serves its invocations, one at a time, until the parent goes.
 * Arguments: the folder of the code, the handler as `<file>.<export>`, the memory in MB.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LambdaErrorBody } from './lambda-error.ts';
import type { Answer, Invocation } from './messages.ts';

type Handler = (event: unknown, context: object) => unknown;

const [folder, handlerName, memoryMb] = process.argv.slice(2) as [string, string, string];

// Without its parent nobody would ever end this process, also when the parent was killed.
process.on('disconnect', () => process.exit(0));
// Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of this process.
process.on('SIGINT', () => undefined);

try {
  const handler = await loadHandler();
  process.on('message', (invocation: Invocation) => void serve(handler, invocation));
  await answer({ type: 'ready' });
} catch (error) {
  await answer({ type: 'error', requestId: null, body: errorBody(error) });
  process.exit(1);
}

async function loadHandler(): Promise<Handler> {
  const dot = handlerName.lastIndexOf('.');
  const [file, name] = [handlerName.slice(0, dot), handlerName.slice(dot + 1)];
  const path = ['.mjs', '.js', '.cjs'].map((suffix) => join(folder, file + suffix)).find(existsSync);
  if (path === undefined)
    throw named('Runtime.ImportModuleError', `There is no module '${file}' in ${folder}`);
  const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const handler = module[name] ?? (module.default as Record<string, unknown> | undefined)?.[name];
  if (typeof handler !== 'function')
    throw named('Runtime.HandlerNotFound', `${handlerName} is undefined or not exported`);
  return handler as Handler;
}

async function serve(handler: Handler, { requestId, payload, deadline }: Invocation): Promise<void> {
  const context = {
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '$LATEST',
    memoryLimitInMB: memoryMb,
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  try {
    const result = await handler(JSON.parse(payload), context);
    await answer({ type: 'result', requestId, payload: JSON.stringify(result) ?? 'null' });
  } catch (error) {
    await answer({ type: 'error', requestId, body: errorBody(error) });
  }
}

/** Resolves when the message is with the parent. */
function answer(message: Answer): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

/** As Lambda's Node runtime reports what a handler throws. */
function errorBody(error: unknown): LambdaErrorBody {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return {
    errorType: error.name || 'Error',
    errorMessage: error.message,
    trace: (error.stack ?? '').split('\n'),
  };
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
