import * as z from 'zod';
import { createMetrics } from '#platform/observability/metrics.ts';
import { resolveSecretReferences } from '#platform/secrets/references.ts';
import { runCanary } from './canary.ts';

/** Not the product's configuration: the canary is a customer, and knows what a customer knows. */
const environment = z.object({
  FLEXPRICE_CANARY_URL: z.url().transform((url) => url.replace(/\/$/, '')),
  FLEXPRICE_CANARY_API_KEY: z.string().min(1),
  FLEXPRICE_CANARY_KEY_HEADER: z.string().min(1).default('x-api-key'),
  FLEXPRICE_CANARY_DEADLINE_SECONDS: z.coerce.number().positive().default(120),
  FLEXPRICE_DEPLOYMENT_ENVIRONMENT: z.string().min(1),
});

/** Lambda entry, called by a schedule. An error is the alarm. */
export async function handler(): Promise<{ seconds: number }> {
  const settings = environment.parse(await resolveSecretReferences(process.env));
  const metrics = await createMetrics(
    { metrics: { enabled: true }, deployment: { mode: 'api', environment: settings.FLEXPRICE_DEPLOYMENT_ENVIRONMENT } },
    'canary',
  );
  try {
    const seconds = await runCanary({
      url: settings.FLEXPRICE_CANARY_URL,
      apiKey: settings.FLEXPRICE_CANARY_API_KEY,
      keyHeader: settings.FLEXPRICE_CANARY_KEY_HEADER,
      deadlineMs: settings.FLEXPRICE_CANARY_DEADLINE_SECONDS * 1000,
      pollMs: 1_000,
      metrics,
    });
    return { seconds };
  } finally {
    metrics.flush();
  }
}
