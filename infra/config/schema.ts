import * as z from 'zod';

const count = z.int().min(1);
const task = z.strictObject({ count, cpu: z.union([z.literal(256), z.literal(512), z.literal(1024), z.literal(2048), z.literal(4096)]), memoryMiB: z.int().min(512) });

/** What differs between environments. Secrets are never here, only the names under which Secrets Manager keeps them. */
export const environmentSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,15}$/),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  /** Absent: the account of whoever deploys. */
  account: z.string().regex(/^\d{12}$/).optional(),
  availabilityZones: z.array(z.string()).min(2),
  natGateways: count,
  /** Databases, clusters and logs outlive their stacks. */
  production: z.boolean(),
  logDays: z.union([z.literal(7), z.literal(30), z.literal(365)]),
  kafka: z.strictObject({
    /** Express has elastic storage and needs three zones. */
    brokerType: z.enum(['standard', 'express']),
    instanceType: z.string().regex(/^(kafka|express)\.[a-z0-9]+\.[a-z0-9]+$/),
    brokers: z.int().min(2),
    volumeGiB: count,
    /** Partitions by topic; each topic has a dead-letter topic beside it. */
    partitions: z.strictObject({ events: count, eventsLazy: count, eventsPostProcessing: count, systemEvents: count, deadLetters: count }),
  }),
  postgres: z.strictObject({
    /** Aurora capacity units. 0 lets the cluster pause. */
    minCapacity: z.number().min(0).multipleOf(0.5),
    maxCapacity: z.number().min(1).multipleOf(0.5),
    readers: z.int().min(0),
    backupDays: count,
  }),
  clickhouse: z.strictObject({
    url: z.url({ protocol: /^https$/ }),
    user: z.string().min(1),
    /** JSON secret with the key `password`. */
    secretName: z.string().min(1),
  }),
  /** Absent: the worker drives the jobs itself, from their rows in Postgres. */
  temporal: z.strictObject({
    address: z.string().regex(/:\d+$/),
    namespace: z.string().min(1),
    /** JSON secret with the key `apiKey`. */
    secretName: z.string().min(1),
  }).optional(),
  ingest: z.strictObject({ reservedConcurrency: count, memoryMiB: z.int().min(512) }),
  management: z.strictObject({ memoryMiB: z.int().min(512) }),
  /** Requests per second that the API takes, over all tenants. */
  throttle: z.strictObject({ rate: count, burst: count }),
  spot: z.boolean(),
  consumer: task,
  worker: task,
})
  .refine(({ kafka, availabilityZones }) => kafka.brokerType === 'standard' || availabilityZones.length >= 3, { path: ['availabilityZones'], error: 'Express brokers need three zones' })
  .refine(({ kafka, availabilityZones }) => kafka.brokers % availabilityZones.length === 0, { path: ['kafka', 'brokers'], error: 'must be a multiple of the zones' })
  .refine(({ kafka }) => kafka.instanceType.startsWith('express.') === (kafka.brokerType === 'express'), { path: ['kafka', 'instanceType'], error: 'does not fit the broker type' })
  .refine(({ postgres }) => postgres.maxCapacity >= postgres.minCapacity, { path: ['postgres', 'maxCapacity'], error: 'must not be below minCapacity' });

export type EnvironmentConfig = z.output<typeof environmentSchema>;
export type EnvironmentInput = z.input<typeof environmentSchema>;
