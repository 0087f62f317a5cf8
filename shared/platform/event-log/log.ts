/** Where the adapters report what they retry or drop. Any structured logger fits. */
export interface EventLogLogger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export const silentLogger: EventLogLogger = { debug() {}, info() {}, warn() {}, error() {} };
