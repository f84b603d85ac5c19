import type { Log } from '../src/log.ts';
import { writeLine } from './progress/progress-line.ts';

/** A log on standard error, for `--verbose`; silent otherwise. Warnings are always shown. */
export function consoleLog({ verbose }: { verbose?: true | undefined }): Log {
  const write = (message: string, fields: Record<string, unknown> = {}) =>
    writeLine(Object.keys(fields).length > 0 ? `${message} ${JSON.stringify(fields)}` : message);
  return {
    info: (message, fields) => verbose && write(message, fields),
    warn: (message, fields) => write(message, fields),
  };
}
