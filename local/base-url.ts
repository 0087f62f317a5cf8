import type { Config } from '#platform/config/schema.ts';

/** Where the API is reached from this machine. */
export function baseUrl({ host, port }: Config['server']): string {
  const name = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host) ? 'localhost' : host;
  return `http://${name}:${port}`;
}
