import { isObject, type Json, type JsonObject } from '../state-machine/json.ts';

/**
 * By the name of each state that calls a function: the functions that are called next, as far as the definition
 * alone says so. A choice is taken to go its default way.
 */
export function nextFunctions(definition: Json): Map<string, Set<string>> {
  const next = new Map<string, Set<string>>();
  addWorkflow(definition, next);
  return next;
}

function addWorkflow(workflow: Json | undefined, next: Map<string, Set<string>>): void {
  for (const [name, state] of Object.entries(statesOf(workflow))) {
    for (const inner of innerWorkflows(state)) addWorkflow(inner, next);
    if (functionOf(state) === null) continue;
    const functions = new Set<string>();
    follow(workflow, state.Next, functions, new Set());
    if (functions.size > 0) next.set(name, functions);
  }
}

/** Adds the functions that come first from the state of that name on. */
function follow(
  workflow: Json | undefined,
  name: Json | undefined,
  functions: Set<string>,
  seen: Set<Json>,
): void {
  const state = typeof name === 'string' ? statesOf(workflow)[name] : undefined;
  if (!state || seen.has(name as string)) return;
  seen.add(name as string);
  const called = functionOf(state);
  if (called !== null) {
    functions.add(called);
    return;
  }
  for (const inner of innerWorkflows(state))
    follow(inner, isObject(inner) ? inner.StartAt : undefined, functions, new Set());
  if (innerWorkflows(state).length === 0) follow(workflow, state.Next ?? state.Default, functions, seen);
}

const statesOf = (workflow: Json | undefined): Record<string, JsonObject> =>
  isObject(workflow ?? null) ? ((workflow as JsonObject).States as Record<string, JsonObject>) : {};

const innerWorkflows = ({ ItemProcessor, Branches }: JsonObject): Json[] =>
  ItemProcessor ? [ItemProcessor] : Array.isArray(Branches) ? Branches : [];

function functionOf({ Arguments }: JsonObject): string | null {
  const name = isObject(Arguments ?? null) ? (Arguments as JsonObject).FunctionName : null;
  return typeof name === 'string' ? name : null;
}
