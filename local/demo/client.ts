/** A JSON answer of the API. */
// biome-ignore lint/suspicious/noExplicitAny: the demo reads a few fields of many answers
export type Json = any;

/** The public HTTP API as the demo uses it: what it does, anybody with a key can do. */
export interface ApiClient {
  /** The body of a 2xx answer. Throws with the API's own message otherwise. */
  call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Json>;
  /** The same, but null where the API says 404. */
  find(path: string): Promise<Json | null>;
}

const ATTEMPTS = 5;

export function createApiClient(baseUrl: string, apiKey: string): ApiClient {
  const send = async (method: string, path: string, body: unknown): Promise<Response> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(baseUrl + path, {
          method,
          headers: { 'x-api-key': apiKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (response.status !== 503 || attempt === ATTEMPTS) return response;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
    }
  };
  const read = async (response: Response, what: string): Promise<Json> => {
    const body: Json = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(`${what}: ${response.status} ${body.message ?? body.error ?? ''}`);
    return body;
  };
  return {
    call: async (method, path, body) => read(await send(method, path, body), `${method} ${path}`),
    find: async (path) => {
      const response = await send('GET', path, undefined);
      return response.status === 404 ? null : read(response, `GET ${path}`);
    },
  };
}
