/** What has to be known of a statement before Postgres has seen it. */

/** Something that opens a comment or a quotation. */
const OPENING = /--|\/\*|\b[eE]'|'|"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/g;

/** Statements without their comments and with nothing inside their quotation marks, in the order given. */
export function bareStatements(sql: string): string[] {
  let bare = '';
  let at = 0;
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(sql); match; match = OPENING.exec(sql)) {
    bare += `${sql.slice(at, match.index)} `;
    if (!/^[-/]/.test(match[0])) bare += '? ';
    at = endOf(sql, match[0], OPENING.lastIndex);
    OPENING.lastIndex = at;
  }
  return (bare + sql.slice(at))
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** Where what `opening` opened ends; the end of the text if it is left open. */
function endOf(sql: string, opening: string, from: number): number {
  if (opening === '/*') return endOfComment(sql, from);
  if (/^e'$/i.test(opening)) return endOfEscapedString(sql, from);
  // A doubled quotation mark is read as the end of one text and the beginning of the next, to the same effect.
  const closing = opening === '--' ? '\n' : opening;
  const end = sql.indexOf(closing, from);
  return end < 0 ? sql.length : end + closing.length;
}

/** Postgres' comments nest. */
function endOfComment(sql: string, from: number): number {
  const border = /\/\*|\*\//g;
  border.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const match = border.exec(sql);
    if (!match) return sql.length;
    depth += match[0] === '/*' ? 1 : -1;
  }
  return border.lastIndex;
}

function endOfEscapedString(sql: string, from: number): number {
  const border = /\\[\s\S]|''|'/g;
  border.lastIndex = from;
  for (let match = border.exec(sql); match; match = border.exec(sql))
    if (match[0] === "'") return border.lastIndex;
  return sql.length;
}

/** `copy … from stdin`; Postgres reads `from stdout` as the same. */
export const isCopyIn = (statement: string): boolean => /^copy\b.*\bfrom\s+std(in|out)\b/is.test(statement);

/** Whether one of the statements may change a setting for longer than its transaction. */
export const changesSettings = (statements: string[]): boolean =>
  statements.some((statement) => /^(set|reset|discard)\b|\bset_config\b/i.test(statement));

export const takesAdvisoryLocks = (statements: string[]): boolean =>
  statements.some((statement) => /\bpg_(try_)?advisory_lock/i.test(statement));
