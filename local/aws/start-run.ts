import { randomBytes } from 'node:crypto';
import type { MigrationRequest } from '../../src/migration-input.ts';
import { newRunName } from '../run-name.ts';
import { ExecutionExists } from './errors.ts';
import type { Executions } from './executions.ts';

/**
 * Starts an execution that has the run's name, by which the notice at its end finds the report. Step Functions takes a
 * name once in 90 days: a run that goes on gets an execution with a longer one, and says its own in the input.
 *
 * @returns the execution's ARN
 * @throws MigrationError
 */
export async function startRun(
  executions: Executions,
  stateMachineArn: string,
  request: MigrationRequest,
): Promise<string> {
  const run = request.run ?? newRunName('run');
  try {
    return await executions.start(stateMachineArn, run, request);
  } catch (error) {
    if (!(error instanceof ExecutionExists)) throw error;
    return executions.start(stateMachineArn, `${run}-${randomBytes(4).toString('hex')}`, request);
  }
}
