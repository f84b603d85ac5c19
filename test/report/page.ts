import assert from 'node:assert/strict';

/** An element of a page: its name and its attributes' names, in the order of the text. */
export interface Element {
  name: string;
  attributes: Map<string, string>;
  /** Text directly or indirectly inside, entities resolved. */
  text: string;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const resolve = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name]!);

/**
 * Reads a page as strictly as XML: every element closed in order, every attribute quoted and once, no bare `<`
 * or `&`. @throws AssertionError naming the place
 */
export function parsePage(page: string): Element[] {
  assert.ok(page.startsWith('<!DOCTYPE html>\n'), 'a page begins with its doctype');
  const elements: Element[] = [];
  const open: Element[] = [];
  const tag = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][\w:-]*="[^"<]*")*)\s*(\/?)>/y;
  let position = '<!DOCTYPE html>\n'.length;
  while (position < page.length) {
    const next = page.indexOf('<', position);
    const text = page.slice(position, next === -1 ? undefined : next);
    if (open.at(-1)?.name !== 'style')
      assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|#39);)/, `a bare & in "${text.slice(0, 80)}"`);
    for (const element of open) element.text += resolve(text);
    if (next === -1) break;
    tag.lastIndex = next;
    const match = tag.exec(page);
    assert.ok(match, `no tag at "${page.slice(next, next + 80)}"`);
    position = tag.lastIndex;
    const [, closing, name, attributes, empty] = match as unknown as [string, string, string, string, string];
    if (closing) assert.equal(open.pop()?.name, name, `</${name}> closes another element`);
    else {
      const element: Element = { name, attributes: attributesOf(attributes), text: '' };
      elements.push(element);
      if (!empty) open.push(element);
    }
  }
  assert.deepEqual(
    open.map(({ name }) => name),
    [],
    'elements left open',
  );
  return elements;
}

function attributesOf(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/([\w:-]+)="([^"]*)"/g)) {
    assert.ok(!attributes.has(name!), `attribute ${name} is there twice`);
    attributes.set(name!, resolve(value!));
  }
  return attributes;
}

export const bodyText = (page: string): string =>
  parsePage(page)
    .find(({ name }) => name === 'body')!
    .text.replace(/\s+/g, ' ');
