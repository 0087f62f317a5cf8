import { createRequire } from 'node:module';

/** Opaque handle of a connection inside the engine. */
export type NativeConnection = { readonly __connection: never };

export interface NativeResult {
  readonly bytes: Uint8Array;
  readonly elapsed: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}
export interface NativeInsertResult {
  readonly elapsed: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
}

/** The part of chdb's native addon that the shim uses. Calls on one connection are serial; connections run in parallel. */
export interface NativeEngine {
  CreateConnection(path: string, args?: readonly string[]): NativeConnection;
  CloseConnection(connection: NativeConnection): void;
  QueryAsyncConnection(connection: NativeConnection, sql: string, format: string): Promise<NativeResult>;
  InsertRawAsyncConnection(connection: NativeConnection, prefix: string, data: Buffer, countLines: boolean): Promise<NativeInsertResult>;
}

/**
 * Loads the engine into this process (0.5 GB mapped lazily, about a second the first time).
 * Only ever call it in a process of its own: one data directory per process, and an abort of the engine ends the process.
 */
export function loadNativeEngine(): NativeEngine {
  const require = createRequire(createRequire(import.meta.url).resolve('chdb/package.json'));
  return (require('./dist/loader.js') as { loadNative(): NativeEngine }).loadNative();
}
