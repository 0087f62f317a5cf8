import type { EventLogLogger } from '../event-log/log.ts';
import type { Logger } from './logger.ts';

/** A process's logger in the narrow form that platform code writes to: a message and fields. */
export function fieldLogger(logger: Logger): EventLogLogger {
  return {
    debug: (message, fields = {}) => logger.debug(message, fields),
    info: (message, fields = {}) => logger.info(message, fields),
    warn: (message, fields = {}) => logger.warn(message, fields),
    error: (message, fields = {}) => logger.error(message, fields),
  };
}
