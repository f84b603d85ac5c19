/**
 * Text that is safe to put into an HTML page. Only the `html` template makes it, and it escapes all that is
 * put into it, so no name, id or message from outside can become an element or an attribute.
 */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | number | null | undefined | false | readonly Content[];

/** A piece of HTML or SVG; what is interpolated is escaped unless it is markup itself. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  let text = strings[0]!;
  values.forEach((value, index) => {
    text += render(value) + strings[index + 1]!;
  });
  return new Markup(text);
}

function render(value: Content): string {
  if (value instanceof Markup) return value.text;
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(render).join('');
  return escapeText(String(value));
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Escapes for text and for quoted attributes alike. What HTML cannot hold, or what would turn the text
 * around it over, is shown instead of passed on: a NUL as ␀, other controls likewise, bidirectional
 * overrides (U+202A to U+202E, U+2066 to U+2069) and halves of a surrogate pair as �.
 */
export function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, (control) =>
        String.fromCodePoint(0x2400 + control.codePointAt(0)!),
      )
      .replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '\ufffd')
  );
}

/** Shortens a name or message from outside to `length` characters, an ellipsis included. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length - 1).toWellFormed()}…`;
}
