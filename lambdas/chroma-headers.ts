import { z } from 'zod';
import { InvalidInput } from '../src/errors.ts';

const Headers = z.record(z.string().regex(/^[\w-]+$/), z.string());

/**
 * The headers that a secret holds: a JSON object of them, or a token alone, which Chroma takes as `x-chroma-token`.
 * @throws InvalidInput whose message holds nothing of the secret
 */
export function headersOf(secret: string | undefined, arn: string): Record<string, string> {
  const text = (secret ?? '').trim();
  if (!text.startsWith('{') && /^[\x21-\x7e]+$/.test(text)) return { 'x-chroma-token': text };
  try {
    return Headers.parse(JSON.parse(text));
  } catch {
    throw new InvalidInput(
      `The secret ${arn} must hold a token or a JSON object of headers, such as {"authorization": "Bearer …"}, and holds neither.`,
    );
  }
}
