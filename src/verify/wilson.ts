/** Standard deviations that 95 % of a normal distribution lie within. */
const Z = 1.959964;

/**
 * Where a share lies with 95 % confidence, of which `found` of `wanted` were seen. Unlike the plain interval it stays
 * within 0 and 1 and says something where all were found (E. B. Wilson, 1927).
 */
export function wilsonInterval(found: number, wanted: number): { low: number; high: number } | null {
  if (wanted === 0) return null;
  const share = found / wanted;
  const denominator = 1 + Z ** 2 / wanted;
  const middle = (share + Z ** 2 / (2 * wanted)) / denominator;
  const half = (Z * Math.sqrt((share * (1 - share)) / wanted + Z ** 2 / (4 * wanted ** 2))) / denominator;
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
