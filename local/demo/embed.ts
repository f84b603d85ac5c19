/**
 * Places a text in space without a model: each word, part of a word and trigram of letters is hashed to a
 * component and a sign (feature hashing; Weinberger et al., 2009), so texts that share many of them point the
 * same way. Deterministic, and fast enough for the demo's thousands of chunks.
 *
 * @param dimension of the vector, from about 100 up: fewer components make unlike texts meet
 * @returns a vector of unit length; zeros for a text without a letter or digit
 */
export function embed(text: string, dimension: number): number[] {
  const vector = new Float64Array(dimension);
  for (const [feature, count] of countFeatures(text)) {
    const hash = fnv1a(feature);
    const sign = hash & 1 ? 1 : -1;
    // The tenth mention of a word says less than the first.
    const weight = WEIGHTS[feature[0] as keyof typeof WEIGHTS] * (1 + Math.log(count));
    vector[(hash >>> 1) % dimension]! += sign * weight;
  }
  const length = Math.hypot(...vector) || 1;
  return Array.from(vector, (component) => component / length);
}

/** Kinds of features: words, parts of compound names, trigrams of letters, which also find other forms of a word. */
const WEIGHTS = { w: 1, p: 0.8, t: 0.25 };

/** Words that say nothing of what a text is about, in English and in the languages of the sources. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be but by can do does for from how i if in into is it its no not of on one only or so ' +
    'such than that the their them then there these they this to was what when where which while who why will with ' +
    'const let var function return import export new null undefined true false void async await type string number'
  ).split(' '),
);

function countFeatures(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (feature: string) => counts.set(feature, (counts.get(feature) ?? 0) + 1);
  for (const [word] of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
    const parts = partsOf(word);
    if (parts.length > 1) count(`w${word.toLowerCase()}`);
    for (const part of parts) {
      if (part.length < 2 || STOP_WORDS.has(part)) continue;
      count(parts.length > 1 ? `p${part}` : `w${part}`);
      // The same word within a name and on its own shall meet.
      count(parts.length > 1 ? `w${part}` : `p${part}`);
      for (let at = 0; at + 3 <= part.length; at++) count(`t${part.slice(at, at + 3)}`);
    }
  }
  return counts;
}

/** `startIndexBuild` and `start_index_build` are start, index, build. */
const partsOf = (word: string): string[] =>
  word
    .replace(/(\p{Ll}|\p{N})(?=\p{Lu})/gu, '$1_')
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1_')
    .toLowerCase()
    .split('_')
    .filter((part) => part !== '');

/** 32 bits, over UTF-16 code units (Fowler, Noll, Vo), mixed once more so that the low bits are as good as the high. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
