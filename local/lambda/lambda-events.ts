/** What the functions tell while they run. */
export type LambdaEvent =
  /** A line of a function's output: its fields if it is a JSON object, else `{ message: <the line> }`. */
  | { type: 'log'; function: string; pid: number; fields: Record<string, unknown> }
  | { type: 'environment-started'; function: string; pid: number }
  | { type: 'environment-ended'; function: string; pid: number; reason: string };

export type EmitLambdaEvent = (event: LambdaEvent) => void;

export function logFields(line: string): Record<string, unknown> {
  if (line.startsWith('{'))
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch {
      // A line that only looks like JSON is text.
    }
  return { message: line };
}
