import { App, type AppProps } from 'aws-cdk-lib';
import type { ConfigSources } from './config-sources.ts';
import { MigrationStack } from './migration-stack.ts';

/**
 * The CDK app, the same for `cdk deploy` and for the local runner. The environment is read only if it is handed in:
 * what somebody deploys with must not change what runs on one machine.
 */
export function createApp(props?: AppProps, sources: ConfigSources = {}): App {
  const app = new App(props);
  new MigrationStack(app, 'ChromaToPgvector', {
    ...sources,
    description: 'Moves collections from Chroma into PostgreSQL with pgvector, and proves that they arrived.',
  });
  return app;
}
