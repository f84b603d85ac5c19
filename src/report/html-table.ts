import { type Content, html, type Markup } from './html-markup.ts';

export interface Column {
  name: string;
  /** `number` is aligned right, `checksum` is monospaced, `wrap` may break anywhere, `wide` keeps room for a name. */
  kind?: 'number' | 'checksum' | 'wrap' | 'wide';
}

export interface Table {
  caption: Content;
  columns: Column[];
  /** The first cell of a row is its header. */
  rows: Content[][];
  total?: Content[];
  /** Shows each row as a card on a phone instead of scrolling sideways. */
  stack?: boolean;
}

/** A table with a caption and scoped headers, in a region that scrolls by itself and can be reached by keyboard. */
export function table({ caption, columns, rows, total, stack = false }: Table): Markup {
  const kind = (index: number) => {
    const name = columns[index]?.kind;
    return name && html` class="${name}"`;
  };
  // Cards show the column's name before each value; elsewhere it would only cost bytes.
  const label = (index: number) => stack && html` data-label="${columns[index]!.name}"`;
  // On a phone a card's cells are no table cells to the browser any more, so the roles are said.
  const role = (name: string) => stack && html` role="${name}"`;
  const line = (cells: Content[]) =>
    html`<tr${role('row')}>${cells.map((cell, index) =>
      index === 0
        ? html`<th scope="row"${role('rowheader')}${kind(0)}>${cell}</th>`
        : html`<td${role('cell')}${kind(index)}${label(index)}>${cell}</td>`,
    )}</tr>
`;
  const group = role('rowgroup');
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Table, scrolls sideways"><table${stack && html` class="stack"`}${role('table')}><caption>${caption}</caption>
<thead${group}><tr${role('row')}>${columns.map(
    ({ name }, index) => html`<th scope="col"${role('columnheader')}${kind(index)}>${name}</th>`,
  )}</tr></thead>
<tbody${group}>
${rows.map(line)}</tbody>${total && html`<tfoot${group}>${line(total)}</tfoot>`}</table></div>
`;
}

/** Long lists close up: the first rows stand open, the rest in a fold, and what is over `most` is only counted. */
export interface LongTable extends Table {
  open: number;
  most: number;
  /** Says what the rows beyond `most` are and where they can be read. */
  beyond: (rows: number) => string;
}

export function longTable({ open, most, beyond, ...whole }: LongTable): Content {
  const { rows, total } = whole;
  if (rows.length <= open) return table(whole);
  const folded = rows.slice(open, most);
  return [
    table({ ...whole, rows: rows.slice(0, open), total }),
    html`<details><summary>${folded.length} more</summary>${table({ ...whole, rows: folded, total: undefined })}</details>`,
    rows.length > most && html`<p class="small soft">${beyond(rows.length - most)}</p>`,
  ];
}
