import { spawn } from 'node:child_process';
import { MigrationError } from '../../src/errors.ts';

class NoBrowser extends MigrationError {
  static override readonly errorName = 'NoBrowser';
}

/** What opens a file as a double click does. */
const OPENERS: Partial<Record<NodeJS.Platform, [command: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['explorer'],
};

/** @throws NoBrowser */
export async function openInBrowser(file: string): Promise<void> {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const opener = spawn(command, [...args, file], { detached: true, stdio: 'ignore' });
  await new Promise<void>((resolve, reject) => {
    opener.once('spawn', resolve);
    opener.once('error', () =>
      reject(new NoBrowser(`There is no ${command} here that would open the report: open ${file} yourself.`)),
    );
  });
  opener.unref();
}
