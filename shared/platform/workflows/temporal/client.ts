import type { Client } from '@temporalio/client';
import type { Config } from '#platform/config/schema.ts';

export type TemporalConfig = Config['temporal'] & { readonly address: string };

/** Options that client and worker connections share. */
export function connectionOptions({ address, tls, api_key: apiKey }: TemporalConfig): { address: string; tls: boolean; apiKey?: string } {
  return { address, tls, ...(apiKey === undefined ? {} : { apiKey }) };
}

/**
 * A client that connects on first use. The SDK is loaded by this call, not with the module: most Lambda invocations need none of it.
 * The caller closes `client.connection`.
 */
export async function createTemporalClient(config: TemporalConfig): Promise<Client> {
  const { Client, Connection } = await import('@temporalio/client');
  return new Client({ connection: Connection.lazy(connectionOptions(config)), namespace: config.namespace });
}
