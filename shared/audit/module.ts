import type { Engines } from '#module/engines.ts';
import { defineModule } from '#module/declaration.ts';
import { startAuditConsumer } from './consumer.ts';
import { createAuditRepository } from './repository.ts';

/** Every change of the product, as its system events tell it. */
export const audit = defineModule({
  name: 'audit',
  build: (_: Engines) => ({}),
  consumers: ({ clickhouse, clock }) => [(process) => startAuditConsumer({ ...process, clock, audit: createAuditRepository(clickhouse) })],
});
