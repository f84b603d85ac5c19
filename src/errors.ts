/**
 * The errors of a migration. A class's name is a contract: the handler throws it, AWS Lambda reports it as
 * `errorType`, and the state machine's Retry and Catch name it (lib takes the names from here, see
 * TRANSIENT_ERRORS). Each message is one sentence that names the thing, the reason and the remedy, and
 * never holds a secret.
 */
export class MigrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    // The minifier may rename a class, so each subclass states its name as a string.
    this.name = new.target.errorName;
  }
  static readonly errorName: string = 'MigrationError';
}

/** Chroma did not answer, answered 5xx, or broke off. Worth a retry. */
export class SourceUnavailable extends MigrationError {
  static override readonly errorName = 'SourceUnavailable';
}
/** Chroma answered 429: a retry, but later. */
export class SourceThrottled extends MigrationError {
  static override readonly errorName = 'SourceThrottled';
  /** As the server's Retry-After says; 0 if it says nothing. */
  readonly retryAfterMilliseconds: number;
  constructor(message: string, options: ErrorOptions & { retryAfterMilliseconds: number }) {
    super(message, options);
    this.retryAfterMilliseconds = options.retryAfterMilliseconds;
  }
}
/** Chroma refused the credentials, or speaks no API that this program knows. */
export class SourceRefused extends MigrationError {
  static override readonly errorName = 'SourceRefused';
}
/** A tenant, database or collection that was asked for is not there. */
export class CollectionNotFound extends MigrationError {
  static override readonly errorName = 'CollectionNotFound';
}
/** The collection is not what it was when the plan was made. */
export class SourceChanged extends MigrationError {
  static override readonly errorName = 'SourceChanged';
}
/** More dimensions than pgvector's column can hold (16,000). */
export class DimensionTooLarge extends MigrationError {
  static override readonly errorName = 'DimensionTooLarge';
}
/** Postgres did not answer, closed the connection, or has none to give. Worth a retry. */
export class TargetUnavailable extends MigrationError {
  static override readonly errorName = 'TargetUnavailable';
}
/** A lock could not be had in time, or a deadlock or serialisation failure was met. Worth a retry. */
export class TargetBusy extends MigrationError {
  static override readonly errorName = 'TargetBusy';
}
/** Postgres refused the credentials, the database, or a privilege. */
export class TargetRefused extends MigrationError {
  static override readonly errorName = 'TargetRefused';
}
/** Postgres has no room left on its disk. */
export class TargetFull extends MigrationError {
  static override readonly errorName = 'TargetFull';
}
/** The `vector` extension is not there and could not be created. */
export class ExtensionMissing extends MigrationError {
  static override readonly errorName = 'ExtensionMissing';
}
/** The target schema holds tables that this program did not make. */
export class SchemaOccupied extends MigrationError {
  static override readonly errorName = 'SchemaOccupied';
}
/** Another run is filling the target schema. */
export class SchemaOwned extends MigrationError {
  static override readonly errorName = 'SchemaOwned';
}
/** Another run took the target schema over while this one worked. */
export class RunSuperseded extends MigrationError {
  static override readonly errorName = 'RunSuperseded';
}
/** The store did not answer or broke off. Worth a retry. */
export class StoreUnavailable extends MigrationError {
  static override readonly errorName = 'StoreUnavailable';
}
/** The store cannot be read or written: no such bucket or folder, no permission, no room. */
export class StoreRefused extends MigrationError {
  static override readonly errorName = 'StoreRefused';
}
/** A shard's objects are not what its manifest says. The manifest is deleted, so the next try exports again. */
export class ShardCorrupt extends MigrationError {
  static override readonly errorName = 'ShardCorrupt';
}
/** A shard has no manifest, so it is not whole in the store. A redrive begins at the import: it exports first. */
export class ShardNotExported extends MigrationError {
  static override readonly errorName = 'ShardNotExported';
}
/** An index could not be built. */
export class IndexBuildFailed extends MigrationError {
  static override readonly errorName = 'IndexBuildFailed';
}
/** Records that Postgres cannot hold as they are, under the policy `fail`. */
export class RecordsRejected extends MigrationError {
  static override readonly errorName = 'RecordsRejected';
}
/** What the tables hold is not what Chroma said. */
export class VerificationFailed extends MigrationError {
  static override readonly errorName = 'VerificationFailed';
}
/** The live tables cannot be brought up to date in place; the collection must be migrated anew. */
export class UpdateImpossible extends MigrationError {
  static override readonly errorName = 'UpdateImpossible';
}
/** The execution's input or an option is not understood. */
export class InvalidInput extends MigrationError {
  static override readonly errorName = 'InvalidInput';
}
/** There is no previous version of a collection to go back to. */
export class NothingToRollBack extends MigrationError {
  static override readonly errorName = 'NothingToRollBack';
}

/** What passes by itself: the state machine retries these inside a shard's child, with backoff and jitter. */
export const TRANSIENT_ERRORS = [
  SourceUnavailable.errorName,
  TargetUnavailable.errorName,
  TargetBusy.errorName,
  StoreUnavailable.errorName,
] as const;

/** Retried too, but with a longer first wait: the server asked for it. */
export const THROTTLING_ERRORS = [SourceThrottled.errorName] as const;
