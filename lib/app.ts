import { App, type AppProps } from 'aws-cdk-lib';
import { MigrationStack } from './migration-stack.ts';

/** The CDK app, the same for `cdk deploy` and for the local runner. */
export function createApp(props?: AppProps): App {
  const app = new App(props);
  new MigrationStack(app, 'ChromaToPgvector', {
    description: 'Moves collections from Chroma into PostgreSQL with pgvector, and proves that they arrived.',
  });
  return app;
}
