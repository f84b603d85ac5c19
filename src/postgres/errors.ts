import {
  ExtensionMissing,
  InvalidInput,
  MigrationError,
  TargetBusy,
  TargetFull,
  TargetRefused,
  TargetUnavailable,
} from '../errors.ts';

/** SQLSTATEs by their names in PostgreSQL's appendix A. */
export const SQLSTATE = {
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  invalidCatalogName: '3D000',
  insufficientPrivilege: '42501',
  tooManyConnections: '53300',
  uniqueViolation: '23505',
  exclusionViolation: '23P01',
  programLimitExceeded: '54000',
  dependentObjectsStillExist: '2BP01',
  diskFull: '53100',
  outOfMemory: '53200',
  adminShutdown: '57P01',
  crashShutdown: '57P02',
  cannotConnectNow: '57P03',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  lockNotAvailable: '55P03',
  characterNotInRepertoire: '22021',
  invalidBinaryRepresentation: '22P03',
  badCopyFileFormat: '22P04',
  undefinedTable: '42P01',
  invalidSchemaName: '3F000',
  undefinedFile: '58P01',
  featureNotSupported: '0A000',
  readOnlyTransaction: '25006',
  queryCanceled: '57014',
} as const;

const AWAY = new Set<string>([
  SQLSTATE.tooManyConnections,
  SQLSTATE.adminShutdown,
  SQLSTATE.crashShutdown,
  SQLSTATE.cannotConnectNow,
]);
const BUSY = new Set<string>([
  SQLSTATE.serializationFailure,
  SQLSTATE.deadlockDetected,
  SQLSTATE.lockNotAvailable,
  SQLSTATE.queryCanceled,
]);

/** What the program writes is UTF-8, and whole rows: the server got other bytes than were sent. */
const BENT = new Set<string>([
  SQLSTATE.characterNotInRepertoire,
  SQLSTATE.invalidBinaryRepresentation,
  SQLSTATE.badCopyFileFormat,
]);

const SOCKET_REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
};

interface DriverError {
  code?: string;
  message?: string;
  severity?: string;
}

/**
 * Gives a driver's error the name by which the state machine knows it, and a sentence. An error that no
 * remedy is known for stays what it is.
 *
 * @param where `host:port/database`, without secrets
 */
export function toMigrationError(error: unknown, where: string, user: string): unknown {
  if (error instanceof MigrationError) return error;
  const { code = '', message = '', severity } = error as DriverError;
  const at = `Postgres at ${where}`;
  const cause = { cause: error };
  if (code === SQLSTATE.invalidPassword || /SASL|password must be a string/i.test(message))
    return new TargetRefused(
      `${at} refused the password of user "${user}": check user and password in --target.`,
      cause,
    );
  if (code === SQLSTATE.invalidAuthorization)
    return new TargetRefused(
      `${at} refused user "${user}" (${message}): check the user and the server's pg_hba.conf.`,
      cause,
    );
  if (code === SQLSTATE.invalidCatalogName)
    return new TargetRefused(`${at} does not exist: create the database, or correct --target.`, cause);
  if (code === SQLSTATE.insufficientPrivilege)
    return new TargetRefused(`${at} refused a privilege (${message}): grant it to user "${user}".`, cause);
  if (code === SQLSTATE.readOnlyTransaction)
    return new TargetRefused(
      `${at} is read-only: pass the address of the primary server, or reset default_transaction_read_only.`,
      cause,
    );
  if (lacksSharedMemory(error))
    return new TargetFull(
      `${at} has too little shared memory for parallel work (${message}): enlarge its /dev/shm (docker run --shm-size=1g), or set max_parallel_maintenance_workers = 0.`,
      cause,
    );
  if (code === SQLSTATE.diskFull || /no space left/i.test(message))
    return new TargetFull(
      `${at} has no space left on its disk: enlarge it, then go on with the same --run.`,
      cause,
    );
  if (isMissingExtension(code, message)) return extensionMissing(where, error);
  if (code === SQLSTATE.outOfMemory)
    return new TargetUnavailable(
      `${at} has no memory left (${message}): lower --concurrency, or raise max_locks_per_transaction.`,
      cause,
    );
  if (code === SQLSTATE.tooManyConnections)
    return new TargetUnavailable(
      `${at} has no connection left: lower --concurrency, or raise max_connections.`,
      cause,
    );
  if (code === SQLSTATE.uniqueViolation && /"pg_\w+_index"/.test(message))
    return new TargetBusy(
      `${at} was told by two executions to make the same thing at the same time (${message}): run again.`,
      cause,
    );
  if (BUSY.has(code))
    return new TargetBusy(`${at} did not get a lock in time (${message}): run again.`, cause);
  if ((code === SQLSTATE.undefinedTable || code === SQLSTATE.invalidSchemaName) && /__incoming/.test(message))
    // Nobody but the same run, in another execution, takes them away while this one owns them.
    return new TargetBusy(
      `${at} has no such tables any more (${message}), since the run was started twice: run again.`,
      cause,
    );
  if (/does not support SSL/i.test(message))
    return new TargetRefused(
      `${at} offers no TLS: append ?sslmode=disable if the network is trusted.`,
      cause,
    );
  if (isTlsError(code))
    return new TargetRefused(
      `${at} has a certificate that cannot be verified (${code}): pass its authority with --target-ca.`,
      cause,
    );
  if (BENT.has(code))
    return new TargetUnavailable(
      `${at} got other bytes than were sent (${message}): run again, over TLS if it comes back.`,
      cause,
    );
  const reason = SOCKET_REASONS[code] ?? (code === '' ? brokenReason(message) : undefined);
  // FATAL: whatever it was (files of its own that it could not write, say), it ended the connection.
  if (reason || AWAY.has(code) || code.startsWith('08') || severity === 'FATAL' || severity === 'PANIC')
    return new TargetUnavailable(
      `${at} is not reachable (${reason ?? message}): check the address and that the server runs.`,
      cause,
    );
  return error;
}

/** What the processes of one statement share: in a container its /dev/shm has 64 MB unless it is told otherwise. */
export function lacksSharedMemory(error: unknown): boolean {
  const { code = '', message = '' } = error as DriverError;
  // Its file's name stands in the message in every language.
  return (
    (code === SQLSTATE.diskFull || code === SQLSTATE.outOfMemory) && /"\/?PostgreSQL\.\d+"/.test(message)
  );
}

export const extensionMissing = (where: string, cause: unknown) =>
  new ExtensionMissing(
    `Postgres at ${where} has no extension "vector": install pgvector on the server (Debian: apt install postgresql-NN-pgvector), then run CREATE EXTENSION vector as a superuser.`,
    { cause },
  );

export const extensionNotAllowed = (where: string, cause: unknown) =>
  new ExtensionMissing(
    `Postgres at ${where} does not let this user create the extension "vector": run CREATE EXTENSION vector there as a superuser.`,
    { cause },
  );

/** sslmode names what TLS shall do; anything but these is a mistake of the address. */
export const badSslMode = (mode: string) =>
  new InvalidInput(`sslmode=${mode} is not supported in --target: use disable, require or verify-full.`);

const isMissingExtension = (code: string, message: string) =>
  /type "vector" does not exist/.test(message) ||
  ((code === SQLSTATE.undefinedFile || code === SQLSTATE.featureNotSupported) &&
    /extension.*vector/.test(message));

const isTlsError = (code: string) => /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code);

/** What pg says without a code when the connection itself broke, or was never made. */
function brokenReason(message: string): string | undefined {
  if (/timeout expired/i.test(message)) return SOCKET_REASONS.ETIMEDOUT;
  return /connection terminated|connection ended|client has encountered a connection error/i.test(message)
    ? 'the connection was cut'
    : undefined;
}
