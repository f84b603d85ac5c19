import { SourceUnavailable } from '../../src/errors.ts';

/** One sentence out of what Chroma, Node or the dynamic linker said last. */
export function whyNot(said: string): SourceUnavailable {
  const [, glibc] = /GLIBC_([\d.]+)' not found/.exec(said) ?? [];
  if (glibc)
    return new SourceUnavailable(
      `The embedded Chroma server needs glibc ${glibc} and this machine has ${ownGlibc()}: start a Chroma server elsewhere and pass its address as --source.`,
    );
  if (/Cannot find (module|package)|Unsupported (architecture|Windows|platform)/.test(said))
    return new SourceUnavailable(
      `The embedded Chroma server is not installed for ${process.platform} ${process.arch}: install again with optional packages, or pass the address of a Chroma server as --source.`,
    );
  const reason = said.trim().split('\n').at(-1);
  return new SourceUnavailable(
    `The embedded Chroma server does not start (${reason}): look at its folder and port, or pass the address of a Chroma server as --source.`,
  );
}

function ownGlibc(): string {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ?? 'another C library';
}
