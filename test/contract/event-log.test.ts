import { afterAll, beforeAll, describe } from 'vitest';
import { createTestPostgres, type TestPostgres } from '../support/engines.ts';
import { describeWithKafka } from '../support/real-engines.ts';
import { eventLogContract } from './event-log-contract.ts';
import { eventLogReadContract } from './event-log-read-contract.ts';

describe('the event log in Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await createTestPostgres();
  });
  afterAll(() => postgres.drop());
  eventLogContract(() => ({ kind: 'postgres', postgres: postgres.config }));
  eventLogReadContract(() => ({ kind: 'postgres', postgres: postgres.config }));
});

describeWithKafka('the event log in Kafka', (kafka) => {
  eventLogContract(() => ({ kind: 'kafka', brokers: kafka().brokers }));
  eventLogReadContract(() => ({ kind: 'kafka', brokers: kafka().brokers }));
});
