const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * A JSON number as Postgres' numeric prints it: no exponent, no leading zeros, no sign on a zero, as many
 * decimals as were written. A float that would print like an integer (1e22) keeps one decimal, so that it
 * is still known for a float.
 *
 * @throws RangeError beyond what numeric holds (131,072 digits before the point, 16,383 after it); a float64
 *   has at most 309 and 1,074
 */
export function numericText(json: string): string {
  const parts = NUMBER.exec(json);
  if (!parts) throw new SyntaxError(`'${json}' is no number`);
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts;
  const exponent = Number(power);
  if (Math.abs(exponent) > 16_000) throw new RangeError(`'${json}' is too large for numeric`);
  const digits = whole + fraction;
  // Where the point stands in `digits`.
  const point = whole.length + exponent;
  const before = digits.slice(0, Math.max(0, point)).padEnd(Math.max(0, point), '0');
  const after = '0'.repeat(Math.max(0, -point)) + digits.slice(Math.max(0, point));
  const integer = before.replace(/^0+(?=\d)/, '') || '0';
  const isFloat = parts[3] !== undefined || parts[4] !== undefined;
  const decimals = after === '' && isFloat ? '0' : after;
  const text = decimals === '' ? integer : `${integer}.${decimals}`;
  return /[1-9]/.test(text) ? sign + text : text;
}
