import '../support/newest-zod.ts'; // before the client is loaded
import { createRequire } from 'node:module';
import * as models from '@flexprice/sdk/sdk/models';
import { expect, test } from 'vitest';
import { completed } from '#platform/http/published-client/complete.ts';
import { clientAnswers } from '../../scripts/compatibility/client-answers.ts';

// All that the client can do with the zod that package.json pins for it, it can do with the newest.
await import('./sdk.test.ts');

test('the client runs on the zod that npm gives today, and still refuses absent fields by itself', () => {
  const { version } = createRequire(import.meta.url)('zod/package.json') as { version: string };
  const { major, minor, patch } = models.DtoFeatureResponse$inboundSchema._zod.version;
  expect(`${major}.${minor}.${patch}`).toBe(version);
  // When this heals, the completion of answers (shared/platform/http/published-client) can go.
  const { error } = models.DtoFeatureResponse$inboundSchema.safeParse({ id: 'feat_1' });
  expect(error?.issues[0]).toMatchObject({ code: 'invalid_type', expected: 'nonoptional' });
});

const { answers, schemas } = await clientAnswers();

test.each(Object.entries(answers))('%s: an answer of which everything is absent passes when it is completed', (_, shape) => {
  const name = (Array.isArray(shape) ? shape[0] : shape) as string;
  const { safeParse } =
    (models as unknown as Record<string, typeof models.DtoFeatureResponse$inboundSchema>)[`${name}$inboundSchema`] ?? {};
  expect(safeParse?.(completed({}, name, schemas)).success).toBe(true);
});
