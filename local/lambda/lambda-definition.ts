/** A function as the template has it. */
export interface LambdaDefinition {
  /** Logical id in the template. */
  readonly name: string;
  /** `<file>.<export>` */
  readonly handler: string;
  /** Folder of the bundled code. */
  readonly codeFolder: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** What refers to another resource has its local name, such as `bucket:<LogicalId>`. */
  readonly environment: Readonly<Record<string, string>>;
}
