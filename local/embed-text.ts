import { InvalidInput } from '../src/errors.ts';

/** As Chroma's configuration of a collection has it. */
export interface EmbeddingFunctionConfig {
  type: string;
  name: string;
  config: Record<string, unknown>;
}

/**
 * The text's vector by the collection's own embedding function, which `@chroma-core/…` has: an optional package.
 * @throws InvalidInput if nothing is known of it, or its package is missing
 */
export async function embedText(
  text: string,
  collection: string,
  known: EmbeddingFunctionConfig | null,
): Promise<number[]> {
  const otherwise = 'search with --vector FILE or --like ID';
  if (known?.type !== 'known')
    throw new InvalidInput(
      `Chroma does not say how collection "${collection}" embeds its texts, so a text cannot be searched for: ${otherwise}.`,
    );
  const { getEmbeddingFunction } = await import('chromadb');
  const quiet = console.warn;
  // What the package would print is said below.
  console.warn = () => undefined;
  const embed = await getEmbeddingFunction({
    efConfig: known as never,
    client: undefined as never,
  })
    .catch(() => undefined)
    .finally(() => {
      console.warn = quiet;
    });
  if (!embed)
    throw new InvalidInput(
      `Collection "${collection}" embeds with "${known.name}", whose package is not here or lacks its key: npm install @chroma-core/${packageOf(known.name)}, or ${otherwise}.`,
    );
  const [vector] = await embed.generate([text]);
  return vector as number[];
}

/** Chroma's names in Python beside those of npm. */
const packageOf = (name: string): string =>
  name === 'default' || name === 'onnx_mini_lm_l6_v2' ? 'default-embed' : name.replaceAll('_', '-');
