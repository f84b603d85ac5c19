import { createDatabaseUser, type DatabaseUser } from './database-user.ts';
import { log, openTargetAs } from './runtime.ts';
import { step } from './step.ts';

/** What `grant-database-access` hands over in a direct invocation, of which nothing is kept. */
export interface CreateDatabaseUserInput extends DatabaseUser {
  username: string;
  password: string;
}

/** Makes the migration's role, as the master user. Stands in the VPC, where the secret is out of reach. */
export const handler = step(
  async ({ username, password, ...user }: CreateDatabaseUserInput): Promise<void> => {
    await createDatabaseUser(openTargetAs(username, password), user);
    log.info('role made', { ...user });
  },
);
