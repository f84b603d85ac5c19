import { InvalidInput, SourceUnavailable } from '../src/errors.ts';

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
    efConfig: { ...known, name: packageOf(known.name) } as never,
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
  try {
    const [vector] = await embed.generate([text]);
    return vector as number[];
  } catch (cause) {
    throw new SourceUnavailable(
      `"${known.name}", which collection "${collection}" embeds with, did not embed the text (${(cause as Error).message}): see that it can be reached, or ${otherwise}.`,
      { cause },
    );
  }
}

/** npm's names of what Chroma's in Python are not the same as but for the dashes; its client knows some of them. */
const PACKAGES: Record<string, string> = {
  ...{ default: 'default-embed', onnx_mini_lm_l6_v2: 'default-embed' },
  ...{ google_genai: 'google-gemini', cloudflare_workers_ai: 'cloudflare-worker-ai' },
};
const packageOf = (name: string): string => PACKAGES[name] ?? name.replaceAll('_', '-');
