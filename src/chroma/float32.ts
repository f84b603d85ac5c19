/** Decimals longer than this are no float32's: a double's own has at most 17 digits. */
const MOST_CHARACTERS = 100;
const DECIMAL = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The float32 nearest to a decimal. By way of the nearest double it is another one where that double lies in the very
 * middle between two float32s and the decimal does not. Of the shortest decimals of all finite float32s, which is what
 * Chroma writes, that is so of 7.038531e-26 alone (each of them was tried), and no bit may be lost.
 *
 * @param double the double nearest to `decimal`
 */
export function nearestFloat32(decimal: string, double: number): number {
  float[0] = double;
  const rounded = float[0]!;
  if (rounded === double || !Number.isFinite(rounded)) return rounded;
  // Towards the double: float32s of one sign stand in the order of their bits.
  bits[0]! += Math.abs(rounded) < Math.abs(double) ? 1 : -1;
  const other = float[0]!;
  if (Math.abs(other - double) !== Math.abs(rounded - double)) return rounded;
  if (decimal.length > MOST_CHARACTERS) return rounded;
  const isBeyond = isLarger(decimal, double.toPrecision(100));
  if (isBeyond === null) return rounded;
  return isBeyond === Math.abs(other) > Math.abs(rounded) ? other : rounded;
}

/** Whether the size of one decimal is larger than that of another; null if they are equal. */
function isLarger(a: string, b: string): boolean | null {
  const left = scaled(a);
  const right = scaled(b);
  const least = Math.min(left.exponent, right.exponent);
  const difference =
    left.digits * 10n ** BigInt(left.exponent - least) - right.digits * 10n ** BigInt(right.exponent - least);
  return difference === 0n ? null : difference > 0n;
}

/** A decimal as digits × 10^exponent. */
function scaled(decimal: string): { digits: bigint; exponent: number } {
  const [, whole = '0', fraction = '', power = '0'] = DECIMAL.exec(decimal) ?? [];
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}
