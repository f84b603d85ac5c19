import { InvalidInput } from '../errors.ts';
import { FileStore } from './file-store.ts';
import type { ShardStore } from './store.ts';

/** Bucket and prefix of an S3 address. */
export const S3_PLACE = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;

export interface StoreSettings {
  /**
   * Ask for `http://HOST/BUCKET/…` and not for `http://BUCKET.HOST/…`: S3 servers other than Amazon's mostly have no
   * names for their buckets.
   */
  pathStyle?: boolean;
  /** Of the bucket; the environment's by default. */
  region?: string;
}

/** `s3://bucket[/prefix]` or a folder. @throws InvalidInput */
export async function openStore(
  url: string,
  { pathStyle = false, region }: StoreSettings = {},
): Promise<ShardStore> {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) return new FileStore(url);
  const s3 = S3_PLACE.exec(url);
  if (!s3)
    throw new InvalidInput(`The store '${url}' is neither a folder nor s3://BUCKET/PREFIX: correct --store.`);
  // Loaded only where there is a bucket: the SDK is half of what a function takes to start.
  const { S3Store } = await import('./s3-store.ts');
  return new S3Store(s3[1] as string, s3[2] ?? '', { forcePathStyle: pathStyle, ...(region && { region }) });
}
