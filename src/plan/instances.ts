/** RDS instance classes, as far as they are reckoned with (Amazon RDS user guide, "DB instance class types"). */

const GIB = 1024 ** 3;
/** vCPUs of each size; those of Nxlarge are 4·N. */
const SMALL_SIZES: Record<string, number> = { micro: 2, small: 2, medium: 2, large: 2, xlarge: 4 };
/** Memory of the sizes below `large`, which do not follow their vCPUs. */
const SMALL_MEMORY: Record<string, number> = { micro: GIB, small: 2 * GIB, medium: 4 * GIB };

const partsOf = (instanceClass: string) => {
  const [family = '', size = ''] = instanceClass.replace(/^db\./, '').split('.');
  return { family, size };
};

/** Those of an unknown size are taken for 2. */
export function vcpusOf(instanceClass: string): number {
  const { size } = partsOf(instanceClass);
  const times = /^(\d+)xlarge$/.exec(size)?.[1];
  return times === undefined ? (SMALL_SIZES[size] ?? 2) : 4 * Number(times);
}

/** GiB a vCPU: r 8, m and t 4; x has 16 and more, and is taken for r, as are those that are not known for m. */
export function memoryBytesOf(instanceClass: string): number {
  const { family, size } = partsOf(instanceClass);
  return SMALL_MEMORY[size] ?? vcpusOf(instanceClass) * (/^[rx]/.test(family) ? 8 : 4) * GIB;
}

/** Sizes that every current family of r and m has. */
const SIZES = ['large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge'];

/** The smallest class with so much memory: of the same family, or of r7g; null where none has. */
export function smallestInstance(memoryBytes: number, instanceClass: string): string | null {
  const { family } = partsOf(instanceClass);
  // A t family ends at 2xlarge, and its processor is throttled once its credits are spent.
  const families = /^[rmx]/.test(family) ? [family, 'r7g'] : ['r7g'];
  const classes = families.flatMap((one) => SIZES.map((size) => `${one}.${size}`));
  return classes.find((one) => memoryBytesOf(one) >= memoryBytes) ?? null;
}
