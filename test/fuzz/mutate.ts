import type { Random } from '../faults/random.ts';

/** Pieces that readers treat otherwise than their neighbours. */
const PIECES = [
  ...[
    '"',
    '\\',
    '\\u0000',
    '\\ud800',
    '\\udc00',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'null',
    'true',
    'NaN',
    '-',
    '.',
    'e',
  ],
  ...[
    '1e999',
    '-0.0',
    '1e-400',
    '9007199254740993',
    '0.30000001192092896',
    '00',
    '\n',
    '\r',
    '\t',
    ' ',
    '\u2028',
  ],
  ...[
    '{"ids":',
    '"embeddings":',
    '"__proto__":',
    '"constructor":',
    '[[',
    ']]',
    '{}',
    '[]',
    '""',
    '٣',
    '𝔘',
    '\ufeff',
  ],
  ...[
    '- ',
    'key: ',
    '&a ',
    '*a',
    '!!binary ',
    '!!set',
    '<<: *a',
    '? ',
    '|',
    '>',
    '#',
    '---\n',
    '%YAML 1.1\n',
  ],
].map((text) => Buffer.from(text));
const BYTES = [0x00, 0xff, 0x7f, 0x80, 0xc0, 0xed, 0x1f, 0x22, 0x5c];

/** One to eight small changes. @param others texts of the same kind, to take pieces from */
export function mutated(random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  let changed = bytes;
  for (let changes = random.between(1, 8); changes > 0; changes--) changed = change(random, changed, others);
  return changed;
}

function change(random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const at = random.between(0, bytes.length);
  const length = Math.min(
    bytes.length - at,
    random.chance(0.8) ? random.between(1, 8) : random.between(1, 200),
  );
  const [before, piece, rest] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (random.between(0, 7)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at]! ^= 1 << random.between(0, 7);
      return flipped;
    }
    case 1:
      return Buffer.concat([before, rest]);
    case 2:
      return Buffer.concat([before, piece, piece, rest]);
    case 3:
      return Buffer.concat([before, random.pick(PIECES), rest]);
    case 4:
      return Buffer.concat([before, Buffer.from([random.pick(BYTES)]), piece, rest]);
    case 5: {
      const other = random.pick(others);
      const from = random.between(0, other.length);
      return Buffer.concat([before, other.subarray(from, from + random.between(1, 100)), rest]);
    }
    case 6:
      return before;
    default: {
      // Another number of the same place, or a length that says otherwise.
      const numbers = Buffer.from(bytes);
      if (at + 4 <= numbers.length)
        numbers.writeInt32BE(random.pick([0, -1, -2, 1, 2 ** 31 - 1, -(2 ** 31)]), at);
      return numbers;
    }
  }
}
