/**
 * Fills `{{name}}` in a template of sql/collection. Values are SQL: identifiers and literals must have been
 * escaped by the caller. @throws RangeError for a name without a value
 */
export const filled = (template: string, values: Record<string, string>): string =>
  template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`the template has no value for ${name}`);
    return value;
  });
