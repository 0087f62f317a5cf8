import type { NativeConnection, NativeEngine, NativeInsertResult, NativeResult } from './native.ts';
import { identifier, literal, mentions } from './sql.ts';

/** What one request asks of a connection before its statement runs. */
export interface RequestState {
  readonly database: string;
  readonly settings: ReadonlyMap<string, string>;
  /** Values as the client escaped them for the wire: the engine unescapes them once. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * A connection that remembers its database, settings and parameters, and sends only the difference to the next request's.
 *
 * Parameters are set on the connection (`SET param_x`) instead of being passed with the call: the engine keeps those of
 * a call process-wide, so that two calls at the same time would read each other's values.
 */
export class Connection {
  #native: NativeConnection;
  #database = 'default';
  #settings = new Map<string, string>();
  #parameters = new Map<string, string>();
  readonly #engine: NativeEngine;
  readonly #path: string;
  readonly #baseline: ReadonlyMap<string, string>;

  /** `baseline`: settings that hold where a request says nothing. */
  constructor(engine: NativeEngine, path: string, baseline: ReadonlyMap<string, string>) {
    this.#engine = engine;
    this.#path = path;
    this.#baseline = baseline;
    this.#native = engine.CreateConnection(path);
  }

  async query(sql: string, format: string, state: RequestState): Promise<NativeResult> {
    await this.#apply(sql, state);
    return this.#engine.QueryAsyncConnection(this.#native, sql, format);
  }

  /** `data` must stay untouched until the promise settles. */
  async insert(sql: string, data: Buffer, state: RequestState): Promise<NativeInsertResult> {
    await this.#apply(sql, state);
    return this.#engine.InsertRawAsyncConnection(this.#native, sql, data, false);
  }

  close(): void {
    this.#engine.CloseConnection(this.#native);
  }

  async #apply(sql: string, state: RequestState): Promise<void> {
    // A parameter cannot be unset. A statement that names one which its request does not give must fail as it does on a server.
    const stale = [...this.#parameters.keys()].some((name) => !state.parameters.has(name) && mentions(sql, name));
    if (stale) this.#reopen();

    if (state.database !== this.#database) {
      await this.#run(`USE ${identifier(state.database)}`);
      this.#database = state.database;
    }
    const wanted = new Map([...this.#baseline, ...state.settings]);
    for (const name of [...this.#settings.keys()]) {
      if (wanted.has(name)) continue;
      await this.#run(`SET ${name} = DEFAULT`);
      this.#settings.delete(name);
    }
    await this.#set(wanted, this.#settings, '');
    await this.#set(state.parameters, this.#parameters, 'param_');
  }

  async #set(wanted: ReadonlyMap<string, string>, current: Map<string, string>, prefix: string): Promise<void> {
    const changed = [...wanted].filter(([name, value]) => current.get(name) !== value);
    if (changed.length === 0) return;
    try {
      await this.#run(`SET ${changed.map(([name, value]) => `${prefix}${name} = ${literal(value)}`).join(', ')}`);
    } catch (error) {
      // Which of them were taken before the refused one is not known.
      this.#reopen();
      throw error;
    }
    for (const [name, value] of changed) current.set(name, value);
  }

  #run(sql: string): Promise<NativeResult> {
    return this.#engine.QueryAsyncConnection(this.#native, sql, 'TabSeparated');
  }

  #reopen(): void {
    this.#engine.CloseConnection(this.#native);
    this.#native = this.#engine.CreateConnection(this.#path);
    this.#database = 'default';
    this.#settings = new Map();
    this.#parameters = new Map();
  }
}

/** Lends out a fixed number of connections, in the order of asking. */
export class ConnectionPool {
  readonly #idle: Connection[];
  readonly #all: readonly Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(connections: readonly Connection[]) {
    this.#all = connections;
    this.#idle = [...connections];
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = this.#idle.pop() ?? (await new Promise<Connection>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(connection);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(connection);
      else this.#idle.push(connection);
    }
  }

  /** Resolves when no work is left on any connection, and closes them. */
  async close(): Promise<void> {
    await Promise.all(
      this.#all.map(
        () =>
          new Promise<void>((resolve) => {
            void this.use(() => new Promise<never>(() => resolve()));
          }),
      ),
    );
    for (const connection of this.#all) connection.close();
  }
}
