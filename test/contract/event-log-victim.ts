/** A consumer that takes its first batch and then hangs, for a test to kill: `node event-log-victim.ts <address> <group> <topic>`. */
import { type LogAddress, openEventLog } from './event-log-harness.ts';

const [address = '', group = '', topic = ''] = process.argv.slice(2);
process.once('disconnect', () => process.exit(1));

await openEventLog(JSON.parse(address) as LogAddress).subscribe({
  group,
  topics: [topic],
  maxWaitMs: 50,
  handler(batch) {
    process.send?.({ offsets: batch.messages.map(({ offset }) => String(offset)) });
    return new Promise(() => {});
  },
});
