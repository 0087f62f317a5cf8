import { randomUUID } from 'node:crypto';
import { runMutantConsumer, withHandler } from './consumer.ts';

// Every batch is handed over once more after it was stored, and no insert has a token by which ClickHouse could know it again.
// This alone must change no number: the registry answers that the same position owns the id, the row replaces itself, and reads use FINAL.
runMutantConsumer({
  clickhouse: (real) => ({ ...real, insert: (insert) => real.insert({ ...insert, token: randomUUID() }) }),
  eventLog: (real) =>
    withHandler(real, (handler) => {
      const seen = new Set<string>();
      return async (batch, signal) => {
        await handler(batch, signal);
        const place = `${batch.topic}:${batch.partition}:${batch.messages[0]?.offset}`;
        if (seen.has(place)) return;
        seen.add(place);
        throw new Error('stored, but not committed');
      };
    }),
});
