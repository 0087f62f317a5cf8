import * as z from 'zod';
import { capacity, clickhouse, domain, edge, github, kafka, operations, postgres, temporal } from './parts.ts';

const count = z.int().min(1);

/** What differs between environments. Secrets are never here, only the names under which Secrets Manager keeps them. */
export const environmentSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{1,15}$/),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is not a region'),
    /** Absent: the account of whoever deploys. */
    account: z
      .string()
      .regex(/^\d{12}$/, 'is not an account number')
      .optional(),
    availabilityZones: z.array(z.string()).min(2, 'at least two zones are needed'),
    natGateways: count,
    /**
     * Services that are reached inside of the VPC. An endpoint costs 7.30 USD a month and zone, and saves 0.045 USD per GB of NAT:
     * worth it from about 160 GB a month and zone, and where a NAT that is down must not stop the service. S3 is always inside, for nothing.
     */
    interfaceEndpoints: z.array(z.enum(['secretsmanager', 'logs', 'ecr.api', 'ecr.dkr', 'sqs', 'monitoring'])),
    /** Databases, clusters and logs outlive their stacks. */
    production: z.boolean(),
    logDays: z.union([z.literal(7), z.literal(30), z.literal(365)]),
    /** Tags of everything. */
    owner: z.string().min(1),
    costCenter: z.string().min(1),
    operations,
    kafka,
    postgres,
    clickhouse,
    temporal,
    ingest: z.strictObject({
      reservedConcurrency: count,
      memoryMiB: z.int().min(512),
      /** A tenth of the requests first, for five minutes. */ gradual: z.boolean(),
    }),
    management: z.strictObject({ reservedConcurrency: count, memoryMiB: z.int().min(512) }),
    /** Requests per second that the API takes, over all tenants. */
    throttle: z.strictObject({ rate: count, burst: count }),
    spot: z.boolean(),
    consumer: capacity,
    relay: capacity,
    worker: capacity,
    /** The API's own name. Absent: the one that AWS gives. */
    domain: domain.optional(),
    /** Address of the customer portal (`portal.url`). Absent: sessions name none. */
    portalUrl: z.url({ protocol: /^https$/ }).optional(),
    /** CloudFront and WAF before the API. Absent: the API is reached directly. */
    edge: edge.optional(),
    /** Region that recovery points of the databases are copied to. Absent: only the databases' own backups. */
    recoveryRegion: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is not a region')
      .optional(),
    github,
  })
  .refine(({ production, availabilityZones }) => !production || availabilityZones.length >= 3, {
    path: ['availabilityZones'],
    error: 'production needs three zones',
  })
  .refine(({ kafka: { brokerType }, availabilityZones }) => brokerType === 'standard' || availabilityZones.length >= 3, {
    path: ['availabilityZones'],
    error: 'Express brokers need three zones',
  })
  .refine(({ kafka: { brokers }, availabilityZones }) => brokers % availabilityZones.length === 0, {
    path: ['kafka', 'brokers'],
    error: 'must be a multiple of the zones',
  })
  .refine(({ natGateways, availabilityZones }) => natGateways <= availabilityZones.length, {
    path: ['natGateways'],
    error: 'there are fewer zones',
  })
  .refine(({ recoveryRegion, region }) => recoveryRegion !== region, { path: ['recoveryRegion'], error: 'must be another region' });

export type EnvironmentConfig = z.output<typeof environmentSchema>;
export type EnvironmentInput = z.input<typeof environmentSchema>;
