import { unavailable } from '#kernel/errors.ts';

/** Whatever the engine says no to, the caller learns that the log is unavailable; the cause stays attached. */
export async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unavailable('event log', error);
  }
}
