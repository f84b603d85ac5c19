import type { LayoutName } from '../../contract.ts';
import { flat } from './flat.ts';
import { guide } from './guide.ts';
import { langchain } from './langchain.ts';
import type { LaidOut, Layout } from './layout.ts';
import { llamaindex } from './llamaindex.ts';
import { shared } from './shared.ts';

const LAYOUTS: Record<LayoutName, (of: LaidOut) => Layout> = {
  guide: () => guide,
  flat: () => flat,
  shared: () => shared,
  langchain,
  llamaindex,
};

/** The tables of a collection. */
export const layoutOf = (of: LaidOut): Layout => LAYOUTS[of.layout](of);
