import * as z from 'zod';
import { nameInPath } from '#kernel/wire.ts';
import { defineSetting } from '#module/setting.ts';
import { EVENT_INGESTION_FILTER } from './raw-filter.ts';

export const EventIngestionFilter = z.strictObject({
  enabled: z.boolean(),
  allowed_external_customer_ids: z.array(nameInPath).max(10_000).default([]),
});

export const settingDefinitions = [defineSetting(EVENT_INGESTION_FILTER, EventIngestionFilter)];
