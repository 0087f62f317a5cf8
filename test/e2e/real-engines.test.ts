import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createApiClient, type Json } from '#local/demo/client.ts';
import { TRACE_CUSTOMERS, traceBatches } from '#local/demo/trace.ts';
import { freePort } from '#local/ports.ts';
import { createTemporalClient } from '#platform/workflows/temporal/client.ts';
import { testConfig } from '#test/support/engines.ts';
import { LocalModeProcess, processesOn } from '#test/support/local-mode.ts';
import { describeWithKafka, describeWithTemporal } from '#test/support/real-engines.ts';
import { DEMO_CUSTOMERS, expectedLines, linesOf } from './demo-figures.ts';

const API_KEY = 'sk_local_real_engines_test_key';
const START_MS = 300_000;
/** Less than the hook may take, so that a start which hangs ends with its output. */
const READY_MS = 280_000;
const WAIT = { timeout: 60_000, interval: 100 };
const NOVEMBER_END = '2023-12-01T00:00:00Z';

describeWithKafka('the demonstration on real engines', (kafka) => {
  describeWithTemporal('Kafka and Temporal', (temporal) => {
    let parent: string;
    let local: LocalModeProcess;
    let api: ReturnType<typeof createApiClient>;

    beforeAll(async () => {
      parent = mkdtempSync(join(tmpdir(), 'flexprice-real-'));
      chmodSync(parent, 0o711); // the account that Postgres runs as has to get through
      local = await new LocalModeProcess({
        dataDir: join(parent, 'data'),
        port: await freePort(),
        env: {
          FLEXPRICE_LOCAL_API_KEY: API_KEY,
          FLEXPRICE_LOCAL_DEMO: 'true',
          FLEXPRICE_KAFKA_BROKERS: kafka().brokers.join(','),
          FLEXPRICE_TEMPORAL_ADDRESS: temporal().address,
        },
      }).ready(READY_MS);
      api = createApiClient(`${local.url}/v1`, API_KEY);
    }, START_MS);
    afterAll(async () => {
      await local?.killEverything();
      if (parent) rmSync(parent, { recursive: true, force: true });
    });

    const november = async (externalId: string): Promise<Json> => {
      const { items } = await api.call('POST', '/invoices/search', { external_customer_id: externalId });
      return items.find((invoice: Json) => invoice.billing_reason === 'SUBSCRIPTION_CYCLE');
    };

    test.each(DEMO_CUSTOMERS)('the figures of $id are the same', async ({ id, expected, literal }) => {
      const invoice = await november(id);
      expect(invoice).toMatchObject({ invoice_status: 'FINALIZED', total: expected.total });
      expect(linesOf(invoice)).toEqual(expectedLines(expected));
      expect(local.output).toContain(`$${literal.total}`);
      expect(local.output).not.toContain('did not finish');
    });

    test('the events went through Kafka, and are committed there', async () => {
      const admin = new Kafka({ clientId: 'test', brokers: [...kafka().brokers], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      try {
        const ends = (await admin.fetchTopicOffsets('events')).map(({ partition, high }) => ({ partition, offset: high }));
        expect(ends.reduce((total, { offset }) => total + BigInt(offset), 0n)).toBeGreaterThan(0n);
        const byPartition = (list: readonly { partition: number; offset: string }[]) =>
          list
            .filter(({ offset }) => BigInt(offset) > 0n)
            .map(({ partition, offset }) => `${partition}:${offset}`)
            .sort();
        await vi.waitFor(async () => {
          const [group] = await admin.fetchOffsets({ groupId: 'event-store-events', topics: ['events'] });
          expect(byPartition(group?.partitions ?? [])).toEqual(byPartition(ends));
        }, WAIT);
      } finally {
        await admin.disconnect();
      }
    });

    test('the invoices were made by workflows that the schedule started', async () => {
      const client = await createTemporalClient({ ...testConfig().temporal, address: temporal().address });
      try {
        for (const { id } of DEMO_CUSTOMERS) {
          const { subscription_id } = await november(id);
          const cycle = client.workflow.getHandle(`billing-cycle-${subscription_id}-${Date.parse(NOVEMBER_END)}`);
          expect(await cycle.result()).toEqual({ invoices: 1, unfinished: 0 });
          expect(await cycle.describe()).toMatchObject({ type: 'billing-cycle', status: { name: 'COMPLETED' } });
        }
        await vi.waitFor(
          async () =>
            expect((await client.schedule.getHandle('subscription-billing').describe()).info.recentActions.length).toBeGreaterThan(0),
          WAIT,
        );
      } finally {
        await client.connection.close();
      }
    });

    test(
      'events that are sent again change nothing',
      async () => {
        const usage = (externalId: string) =>
          api.call('POST', '/events/usage', {
            event_name: 'llm.request',
            external_customer_id: externalId,
            aggregation_type: 'COUNT',
            start_time: '2023-11-01T00:00:00Z',
            end_time: NOVEMBER_END,
          });
        for (const customer of TRACE_CUSTOMERS) {
          const { value: events } = await traceBatches(customer, 500).next();
          expect(events).toHaveLength(500);
          await api.call('POST', '/events/bulk', { events });
          // One customer's events keep their order: once this one is there, the others have gone through before it.
          await api.call('POST', '/events', {
            event_id: `after ${customer.externalId}`,
            event_name: 'after',
            external_customer_id: customer.externalId,
          });
          await vi.waitFor(
            async () =>
              expect(
                (await api.call('POST', '/events/query', { external_customer_id: customer.externalId, event_name: 'after' })).total_count,
              ).toBe(1),
            WAIT,
          );
          expect((await usage(customer.externalId)).value).toBe(customer.requests);
        }
      },
      START_MS,
    );

    test(
      'npm run start:real starts engines of its own, takes an event through them, and leaves nothing behind',
      async () => {
        const own = await new LocalModeProcess({
          dataDir: join(parent, 'own'),
          port: await freePort(),
          env: { FLEXPRICE_LOCAL_API_KEY: API_KEY },
          args: ['--real'],
        }).ready(READY_MS);
        try {
          expect([...own.processes().keys()]).toEqual(
            expect.arrayContaining(['kafka', 'temporal', 'postgres', 'clickhouse', 'api', 'consumer', 'relay', 'worker']),
          );
          const [, pages = ''] = /Temporal's own pages: (\S+)/.exec(own.output) ?? [];
          expect((await fetch(pages)).ok).toBe(true);

          const client = createApiClient(`${own.url}/v1`, API_KEY);
          await client.call('POST', '/events', { event_name: 'call', external_customer_id: 'c1', properties: {} });
          await vi.waitFor(
            async () =>
              expect(
                (await client.call('POST', '/events/usage', { event_name: 'call', external_customer_id: 'c1', aggregation_type: 'COUNT' }))
                  .value,
              ).toBe(1),
            WAIT,
          );

          own.kill('SIGTERM');
          expect(await own.exited).toBe(0);
          expect(processesOn(join(parent, 'own'))).toEqual([]);
        } finally {
          await own.killEverything();
        }
      },
      START_MS,
    );
  });
});
