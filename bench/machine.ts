import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Setting } from './setting.ts';

/** One sentence on what was measured, so that figures of two runs can be compared. */
export async function describeMachine({ chromaServer, database, postgres }: Setting): Promise<string> {
  const { rows } = await database.withClient('bench', (client) =>
    client.query<{ version: string; pgvector: string }>(
      `select current_setting('server_version') as version, default_version as pgvector
         from pg_available_extensions where name = 'vector'`,
    ),
  );
  const { version, pgvector } = rows[0]!;
  const server = postgres.isEmbedded ? 'PGlite' : 'PostgreSQL';
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? process.arch})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `${server} ${version.split(' ')[0]} with pgvector ${pgvector}`,
    `Chroma ${chromaServer.version}`,
    `Node ${process.versions.node}`,
  ].join(', ');
}

/** Commit that was measured; a plus after it for changes that are not in it. Null outside a checkout. */
export function commit(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no', 'src', 'lambdas', 'local') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${dirty ? '+' : ''}`;
  } catch {
    return null;
  }
}
