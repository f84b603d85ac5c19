import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** A run of lines of one file, with the keys that the migration guide's tables have. */
export interface Chunk {
  /** From the folder's root, with slashes. */
  file_path: string;
  /** Position in its file, from 0. */
  chunk_index: number;
  /** First and last line, from 1, both included. */
  start_line: number;
  end_line: number;
  language: string;
  text: string;
}

const LINES = 40;
const OVERLAP = 5;
/** No file that a person wrote is larger. */
const MAX_FILE_BYTES = 512 * 1024;

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'cdk.out', 'coverage']);
const SKIPPED_FILES = /^(package-lock\.json|.*\.snap\.json|.*\.min\.js)$/;

const LANGUAGES: Record<string, string> = {
  '.css': 'css',
  '.html': 'html',
  '.js': 'javascript',
  '.json': 'json',
  '.md': 'markdown',
  '.mjs': 'javascript',
  '.py': 'python',
  '.sh': 'shell',
  '.sql': 'sql',
  '.ts': 'typescript',
  '.txt': 'text',
  '.yaml': 'yaml',
  '.yml': 'yaml',
};
const PROSE = new Set(['markdown', 'text']);

/** Cuts the sources and documents of a folder into chunks, in the order of their paths. */
export async function chunkSource(folder: string): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const file_path of filesOf(folder)) {
    const content = await readFile(join(folder, file_path), 'utf8');
    chunks.push(...chunkText(content, file_path, languageOf(file_path) as string));
  }
  return chunks;
}

export const isProse = ({ language }: Chunk): boolean => PROSE.has(language);

/** About forty lines each, of which it shares five with the one before; chunks of blank lines are left out. */
export function chunkText(content: string, file_path: string, language: string): Chunk[] {
  const lines = content.split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  const chunks: Chunk[] = [];
  for (let start = 0; start < lines.length; start += LINES - OVERLAP) {
    const end = Math.min(start + LINES, lines.length);
    const text = lines.slice(start, end).join('\n');
    const chunk_index = chunks.length;
    if (text.trim() !== '')
      chunks.push({ file_path, chunk_index, start_line: start + 1, end_line: end, language, text });
    if (end === lines.length) break;
  }
  return chunks;
}

async function* filesOf(root: string, folder = ''): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) yield* filesOf(root, path);
    else if (entry.isFile() && languageOf(path) !== null && !SKIPPED_FILES.test(entry.name))
      if ((await stat(join(root, path))).size <= MAX_FILE_BYTES) yield path;
  }
}

/** null for what is no source and no document. */
function languageOf(path: string): string | null {
  if (/(^|\/)(LICENSE|NOTICE)$/.test(path)) return 'text';
  return LANGUAGES[extname(path).toLowerCase()] ?? null;
}
