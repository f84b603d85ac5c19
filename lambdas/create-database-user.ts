import { createDatabaseUser, type DatabaseUser } from './database-user.ts';
import { openTargetAs } from './runtime.ts';

/** What `grant-database-access` hands over in a direct invocation, of which nothing is kept. */
export interface CreateDatabaseUserInput extends DatabaseUser {
  username: string;
  password: string;
}

/** Makes the migration's role, as the master user. Stands in the VPC, where the secret is out of reach. */
export const handler = ({ username, password, ...user }: CreateDatabaseUserInput): Promise<void> =>
  createDatabaseUser(openTargetAs(username, password), user);
