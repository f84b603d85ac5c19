/** JSON that jsonb can hold: what it cannot becomes U+FFFD. The plan has the original. */
export const holdableJson = (value: unknown): string => holdable(JSON.stringify(value));

/** The same of a value whose JSON is known as exact as Chroma sent it, where JavaScript's value says less. */
export const holdableText = (value: unknown, text = JSON.stringify(value)): string => holdable(text);

/** Escapes behind an even number of backslashes, of which each two are one that is meant; whole surrogate pairs stay. */
const UNHOLDABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89ab]..(\\ud[c-f]..)?|d[c-f]..)/gi;

const holdable = (json: string): string =>
  json.replaceAll(UNHOLDABLE, (found, before: string, low?: string) =>
    low === undefined ? `${before}\\ufffd` : found,
  );
