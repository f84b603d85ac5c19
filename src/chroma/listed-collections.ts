import { canonicalMetadata } from '../copy/jsonb-text.ts';
import { parseJson } from './http.ts';
import { Spans } from './scan-page.ts';
import { Scanner } from './scanner.ts';

/**
 * Chroma's listing of collections, with the text of a collection's metadata and of its configuration where JSON.parse does
 * not read it as it is: integers beyond 2^53 are rounded, 1.0 becomes 1, and a key with an escape may become another. V8
 * 13.6 compares as much of such a key's text, as it has characters, with the key that objects of this shape have had
 * before, so that "\t" is taken for "\\" (of 400,000 random objects, 3,400 had other keys than their text).
 */
export function listedCollections(answer: Buffer): unknown {
  const listed = parseJson(answer);
  const scanner = new Scanner(answer);
  const { starts, ends } = scanner.elements();
  return (listed as Record<string, unknown>[]).map((collection, at) => {
    const texts = textsOf(answer.subarray(starts[at], ends[at]));
    const bent = Object.entries(TEXTS).flatMap(([member, name]) => {
      const text = texts.get(member);
      return text !== undefined && isBent(text, collection[member]) ? [[name, text]] : [];
    });
    return bent.length === 0 ? collection : { ...collection, ...Object.fromEntries(bent) };
  });
}

/** Members that the ledger keeps, and as what their text goes on. */
const TEXTS: Record<string, string> = { metadata: 'metadataText', configuration_json: 'configurationText' };

function textsOf(collection: Buffer): Map<string, string> {
  const scanner = new Scanner(collection);
  const texts = new Map<string, string>();
  scanner.members((key) => {
    if (!Object.hasOwn(TEXTS, key)) return scanner.skip();
    const spans = new Spans();
    scanner.span(spans);
    const [[start = -1], [end]] = [spans.starts, spans.ends];
    // A null has no text; of two members of one name the last one counts.
    if (start < 0) texts.delete(key);
    else texts.set(key, collection.toString('utf8', start, end));
  });
  return texts;
}

function isBent(text: string, parsed: unknown): boolean {
  if (text.includes('\\')) return true;
  try {
    return canonicalMetadata(text).text !== canonicalMetadata(JSON.stringify(parsed)).text;
  } catch {
    // No object, or a number that Postgres cannot hold either.
    return false;
  }
}
