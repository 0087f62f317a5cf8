import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { eventually, openEventLog, read, record, unique } from '../contract/event-log-harness.ts';
import { describeWithKafka } from '../support/real-engines.ts';

/** A broker that was killed recovers its log, and its members' sessions have to run out first. */
const OUTAGE_MS = 90_000;

describeWithKafka('the event log when the Kafka broker is killed and comes back', (kafka) => {
  const opened: EventLog[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });
  const open = () => {
    const log = openEventLog({ kind: 'kafka', brokers: kafka().brokers });
    opened.push(log);
    return log;
  };

  test(
    'an append resolves or rejects, and what was acknowledged is there; consumers go on',
    async () => {
      const log = open();
      const topic = unique('topic');
      const group = unique('group');
      await log.ensureTopics([{ name: topic, partitions: 3, retentionHours: 1 }]);
      const survivor = await read(open(), { group, topics: [topic] });

      const acknowledged: string[] = [];
      let rejected = 0;
      let sent = 0;
      const append = async () => {
        const value = String(sent++);
        await log.append(topic, [record(`key${sent % 7}`, value)]).then(
          () => acknowledged.push(value),
          () => {
            rejected += 1;
          },
        );
      };
      const flood = async (isOver: () => boolean) => {
        while (!isOver()) await append();
      };

      let killed = false;
      const flooding = [flood(() => killed), flood(() => killed), flood(() => killed)];
      await eventually('appends flow and are consumed', () => acknowledged.length > 50 && survivor.messages.length > 10);
      await kafka().kill();
      killed = true;
      await Promise.all(flooding);
      await append();
      expect(rejected).toBeGreaterThan(0);

      await kafka().restart();
      const before = acknowledged.length;
      await eventually(
        'appends flow again',
        async () => {
          await append();
          return acknowledged.length > before + 5;
        },
        OUTAGE_MS,
      );
      await eventually(
        'the consumer that lived through it has read all that was acknowledged',
        () => {
          const seen = new Set(survivor.texts());
          return acknowledged.every((value) => seen.has(value));
        },
        OUTAGE_MS,
      );
      const fresh = await read(open(), { group: unique('group'), topics: [topic] });
      await eventually(
        'a new reader finds all that was acknowledged',
        () => {
          const seen = new Set(fresh.texts());
          return acknowledged.every((value) => seen.has(value));
        },
        OUTAGE_MS,
      );
    },
    4 * OUTAGE_MS,
  );

  test(
    'a consumer whose handler refuses all that time takes it up again afterwards',
    async () => {
      const log = open();
      const topic = unique('topic');
      const partitions = Array.from({ length: 24 }, (_, partition) => partition);
      await log.ensureTopics([{ name: topic, partitions: partitions.length, retentionHours: 1 }]);
      await log.append(
        topic,
        partitions.map((partition) => record('key', `${partition}`, { partition })),
      );
      let [refusals, isRefusing] = [0, true];
      const reader = await read(open(), { group: unique('group'), topics: [topic] }, async () => {
        refusals += 1;
        if (isRefusing) throw new Error('the store is away');
      });
      // By now each partition is left alone for seconds: the pauses end while the consumer has given up its broker and waits to start again.
      await eventually('all partitions have been refused', () => refusals >= 7 * partitions.length, OUTAGE_MS);
      await kafka().kill();
      await wait(12_000);
      await kafka().restart();
      isRefusing = false;
      await eventually('what was refused has been handled', () => new Set(reader.texts()).size === partitions.length, OUTAGE_MS);
    },
    2 * OUTAGE_MS,
  );
});
