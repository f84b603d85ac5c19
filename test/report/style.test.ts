import assert from 'node:assert/strict';
import test from 'node:test';
import { STYLE } from '../../src/report/html-style.ts';

/** Contrast of two colours as WCAG 2.2 defines it, 1 to 21. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) =>
    [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index]!, 0);
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The light, the dark and the printed scheme, in the order of the style sheet. */
const schemes = [...STYLE.text.matchAll(/--ground:[\s\S]*?--bad-wash: #[0-9a-f]{6}/g)].map(
  ([text]) =>
    new Map([...text.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map(([, name, colour]) => [name!, colour!])),
);

test('text has a contrast of at least 4.5 to its ground, and a plot’s marks of 3, in every scheme', () => {
  assert.equal(schemes.length, 3);
  const pairs: [string, string, number][] = [
    ['ink', 'ground', 4.5],
    ['soft', 'ground', 4.5],
    ['ink', 'raised', 4.5],
    ['accent', 'ground', 4.5],
    ['accent', 'accent-wash', 4.5],
    ['bad', 'ground', 4.5],
    ['bad', 'bad-wash', 4.5],
    ['ink', 'bad-wash', 4.5],
    ['soft', 'bad-wash', 4.5],
    ['other', 'ground', 3],
  ];
  for (const scheme of schemes)
    for (const [front, back, least] of pairs) {
      const found = contrast(scheme.get(front)!, scheme.get(back)!);
      assert.ok(found >= least, `${front} on ${back}: ${found.toFixed(2)}`);
    }
});
