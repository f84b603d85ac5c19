/** JSON that jsonb can hold: what it cannot becomes U+FFFD. The plan has the original. */
export const holdableJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/\\u(0000|d[89a-f]..)/gi, '\\ufffd');
