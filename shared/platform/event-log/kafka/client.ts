import { Kafka, type KafkaConfig, type LogEntry, logLevel, type OauthbearerProviderResponse } from 'kafkajs';
import type { EventLogLogger } from '../log.ts';
import { useZstd } from './zstd.ts';

export interface KafkaClientOptions {
  readonly brokers: readonly string[];
  readonly client_id: string;
  /** `iam`: MSK's SASL/OAUTHBEARER with the role of the process; implies TLS. */
  readonly auth: 'none' | 'iam';
  readonly region?: string | undefined;
  readonly ssl: boolean;
  readonly logger: EventLogLogger;
  /** Gives up early, for a caller that has somewhere else to put its records. */
  readonly impatient?: boolean;
}

/** Between the two lies how long a broker may be away unnoticed: some seconds, or well below one where it refuses connections. */
const PATIENT = { connectionTimeout: 3000, retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 5 } };
const IMPATIENT = { connectionTimeout: 1000, retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 2 } };

/** A kafkajs client. Opens no connection by itself. */
export function createKafkaClient({
  brokers,
  client_id: clientId,
  auth,
  region,
  ssl,
  logger,
  impatient = false,
}: KafkaClientOptions): Kafka {
  useZstd();
  const config: KafkaConfig = {
    clientId,
    brokers: [...brokers],
    ...(impatient ? IMPATIENT : PATIENT),
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => forward(logger, entry),
  };
  if (auth === 'none') return new Kafka({ ...config, ssl });
  const token = cachedToken(region);
  return new Kafka({ ...config, ssl: true, sasl: { mechanism: 'oauthbearer', oauthBearerProvider: token } });
}

/** kafkajs calls errors what it retries by itself; what it gives up on comes to us as a rejection. So: one level lower. */
function forward(logger: EventLogLogger, { level, namespace, log: { message, timestamp: _, logger: __, ...fields } }: LogEntry): void {
  const text = `kafka: ${message}`;
  if (level === logLevel.ERROR) logger.warn(text, { namespace, ...fields });
  else logger.debug(text, { namespace, ...fields });
}

const TOKEN_MARGIN_MS = 5 * 60_000;

/** MSK IAM tokens live for 15 minutes and are asked for by every connection: one is signed per process and 10 minutes. */
function cachedToken(region: string | undefined): () => Promise<OauthbearerProviderResponse> {
  let cached: Promise<{ token: string; expiryTime: number }> | undefined;
  const sign = async () => {
    if (region === undefined) throw new Error('kafka.region is not set: kafka.auth "iam" needs it');
    const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
    return generateAuthToken({ region });
  };
  return async () => {
    // The wall clock of the process: the token's expiry is compared with it by the broker as well.
    const current = await cached?.catch(() => undefined);
    if (current && current.expiryTime - TOKEN_MARGIN_MS > Date.now()) return { value: current.token };
    cached = sign();
    return { value: (await cached).token };
  };
}
