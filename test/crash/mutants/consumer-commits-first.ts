import { runMutantConsumer, withHandler } from './consumer.ts';

const LATER_MS = 400;

// Offsets are committed before the insert: what is in hand when the process dies is never read again.
runMutantConsumer({
  eventLog: (real) =>
    withHandler(real, (handler) => async (batch, signal) => {
      setTimeout(() => void handler(batch, signal).catch(() => undefined), LATER_MS);
    }),
});
