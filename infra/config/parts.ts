import * as z from 'zod';

const count = z.int().min(1);
const hostName = z
  .string()
  .regex(/^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/, 'is not a host name, such as api.example.com');
const cpu = z.union([z.literal(256), z.literal(512), z.literal(1024), z.literal(2048), z.literal(4096)]);
/** Name of a JSON secret in Secrets Manager, which someone made before the first deploy. */
const secretName = z
  .string()
  .regex(/^[\w/+=.@-]+$/, 'is not the name of a secret')
  // Secrets Manager ends the ARNs of secrets so, and takes such a name for a whole ARN's.
  .regex(/^(?!.*-[A-Za-z0-9]{6}$)/, 'must not end in a hyphen and six characters');

/** Whom to tell, and from what sum on. */
export const operations = z.strictObject({ email: z.email(), monthlyBudgetUsd: count });

export const kafka = z
  .strictObject({
    /** Express has elastic storage and needs three zones. */
    brokerType: z.enum(['standard', 'express']),
    instanceType: z.string().regex(/^(kafka|express)\.[a-z0-9]+\.[a-z0-9]+$/),
    brokers: z.int().min(2),
    /** Of each broker. Express brokers bring their storage. */
    volumeGiB: count,
    /** Partitions by topic; each topic has a dead-letter topic beside it. */
    partitions: z.strictObject({ events: count, eventsLazy: count, eventsPostProcessing: count, systemEvents: count, deadLetters: count }),
  })
  .refine(({ instanceType, brokerType }) => instanceType.startsWith('express.') === (brokerType === 'express'), {
    path: ['instanceType'],
    error: 'does not fit the broker type',
  });

export const postgres = z
  .strictObject({
    /** Aurora capacity units. 0 lets the cluster pause. */
    minCapacity: z.number().min(0).multipleOf(0.5),
    maxCapacity: z.number().min(1).multipleOf(0.5),
    readers: z.int().min(0),
    backupDays: count,
    /** Shares connections among functions. It keeps some open, so that the cluster never pauses. */
    proxy: z.boolean(),
  })
  .refine(({ maxCapacity, minCapacity }) => maxCapacity >= minCapacity, { path: ['maxCapacity'], error: 'must not be below minCapacity' })
  .refine(({ proxy, minCapacity }) => !proxy || minCapacity > 0, {
    path: ['proxy'],
    error: 'a cluster behind a proxy never pauses: minCapacity must be above 0',
  });

const account = z.strictObject({ user: z.string().min(1), /** With the key `password`. */ secretName });

export const clickhouse = z.strictObject({
  host: z.string({ error: 'the host of the ClickHouse service is missing' }).pipe(hostName),
  port: z.int().min(1).max(65_535).default(8443),
  /** Inserts and migrates. */
  writer: account,
  /** Queries only. */
  reader: account,
  /** The endpoint service that ClickHouse Cloud shows. Absent: over the NAT, whose addresses are outputs for the allow list. */
  privateLink: z
    .strictObject({ serviceName: z.string().regex(/^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]+$/, 'is not an endpoint service') })
    .optional(),
});

export const temporal = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cloud'),
    address: z.string().regex(/^[a-z0-9.-]+:\d+$/, 'is not host:port'),
    namespace: z.string().min(1),
    /** With the key `apiKey`. */
    secretName,
  }),
  z.strictObject({
    kind: z.literal('self-hosted'),
    namespace: z.string().min(1),
    /** Fixed for the life of the database. */
    shards: z.int({ error: 'a self-hosted server needs its number of history shards' }).min(1).max(16_384),
    cpu,
    memoryMiB: z.int().min(1024),
  }),
]);

/** Tasks of a service. It is scaled between `min` and `max` when they differ. */
export const capacity = z
  .strictObject({ min: count, max: count, cpu, memoryMiB: z.int().min(512) })
  .refine(({ min, max }) => max >= min, { path: ['max'], error: 'must not be below min' });

export const domain = z.strictObject({
  name: hostName,
  /** In us-east-1 where CloudFront stands before the API, else in the region of the environment. */
  certificateArn: z.string().regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/, 'is not the ARN of a certificate'),
  /** The zone that gets the record. Absent: someone points the name there by hand. */
  zone: z.strictObject({ id: z.string().regex(/^Z[A-Z0-9]+$/, 'is not the id of a hosted zone'), name: hostName }).optional(),
});

export const edge = z.strictObject({
  /** Requests within five minutes, after which an API key or an address is refused for a while. */
  perKey: z.int().min(10),
  perAddress: z.int().min(10),
  /** What CloudFront says to the API, with the keys `sent` (one value) and `accepted` (values with commas between them, for a rotation). */
  secretName,
});

export const github = z.strictObject({
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'is not owner/name'),
  /** Whether the account has GitHub as identity provider already: there can be one of it. */
  providerExists: z.boolean(),
});
