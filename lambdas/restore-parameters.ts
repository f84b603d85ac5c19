import { ModifyDBParameterGroupCommand, RDSClient } from '@aws-sdk/client-rds';
import { aboutExecutionEnd } from './execution-end.ts';
import { restoreProfile } from './restore-profile.ts';
import { log, openStore, parameterGroup } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
// RDS takes one change of a parameter group after the other, and an execution that failed may have left one running.
const rds = new RDSClient({ maxAttempts: 10, retryMode: 'adaptive' });

/** Takes the import profile back after an execution that did not come to its end. */
export const handler = step(
  (event: unknown): Promise<void> =>
    restoreProfile(
      {
        store,
        log,
        async modify(Parameters) {
          await rds.send(
            new ModifyDBParameterGroupCommand({ DBParameterGroupName: parameterGroup(), Parameters }),
          );
        },
      },
      event,
    ),
  aboutExecutionEnd,
);
