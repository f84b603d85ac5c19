/** What crosses states: JSON and nothing else. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Size as Step Functions counts it: bytes of UTF-8 of the JSON text. */
export const bytesOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
