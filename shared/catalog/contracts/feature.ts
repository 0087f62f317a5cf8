import * as z from 'zod';
import { decimalInput, entityBase, listOf, metadataInput, metadataText, prose, requiredText, text } from '#kernel/wire.ts';
import { blankable, CreateMeterRequest, MeterFilter, MeterResponse } from '#metering/contracts/meter.ts';
import { filtersOn } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Feature } from '../domain/feature.ts';

export const FEATURE_TYPES = ['metered', 'boolean', 'static', 'config'] as const;

const AlertThreshold = z.object({ threshold: decimalInput, condition: z.enum(['above', 'below']) });
const AlertSettings = z.object({
  alert_enabled: z.boolean().default(false),
  critical: AlertThreshold.nullish(),
  warning: AlertThreshold.nullish(),
  info: AlertThreshold.nullish(),
});
const ReportingUnit = z.object({
  unit_singular: requiredText,
  unit_plural: requiredText,
  conversion_rate: decimalInput
    .refine(
      (value) => value.gt(0) && value.lt('1e18') && value.decimalPlaces() <= 30,
      'must be greater than 0, below 1e18 and have at most 30 fraction digits',
    )
    .meta({ type: 'number' }),
});

const shown = {
  description: prose.nullish(),
  unit_singular: text.nullish(),
  unit_plural: text.nullish(),
  reporting_unit: ReportingUnit.nullish(),
  alert_settings: AlertSettings.nullish(),
  group_id: text.nullish(),
  metadata: metadataInput.nullish(),
};

/** A metered feature brings its meter, or names one that no feature owns yet. */
export const CreateFeatureRequest = z.object({
  name: requiredText,
  type: z.enum(FEATURE_TYPES),
  lookup_key: text.nullish(),
  meter_id: blankable(text),
  meter: CreateMeterRequest.nullish(),
  ...shown,
});
export type CreateFeatureRequest = z.output<typeof CreateFeatureRequest>;

/** What is left out stays as it is. `filters` are added to those of the feature's meter. */
export const UpdateFeatureRequest = z.object({ name: requiredText.optional(), filters: z.array(MeterFilter).max(50).nullish(), ...shown });
export type UpdateFeatureRequest = z.output<typeof UpdateFeatureRequest>;

/** What is left out is copied, but for the lookup key: it belongs to one feature. */
export const CloneFeatureRequest = z.object({
  name: requiredText.nullish(),
  lookup_key: text.nullish(),
  description: prose.nullish(),
  metadata: metadataInput.nullish(),
});
export type CloneFeatureRequest = z.output<typeof CloneFeatureRequest>;

const AlertThresholdText = z.object({ threshold: z.string(), condition: z.string() });
export const FeatureResponse = entityBase.extend({
  name: z.string(),
  type: z.enum(FEATURE_TYPES),
  lookup_key: z.string().optional(),
  description: z.string().optional(),
  meter_id: z.string().optional(),
  meter: MeterResponse.optional(),
  unit_singular: z.string().optional(),
  unit_plural: z.string().optional(),
  reporting_unit: z.object({ unit_singular: z.string(), unit_plural: z.string(), conversion_rate: z.number() }).optional(),
  alert_settings: z
    .object({
      alert_enabled: z.boolean(),
      critical: AlertThresholdText.optional(),
      warning: AlertThresholdText.optional(),
      info: AlertThresholdText.optional(),
    })
    .optional(),
  group_id: z.string().optional(),
  metadata: metadataText,
});
export const ListFeaturesResponse = listOf(FeatureResponse);

/** The meter is always nested; `expand` may still ask for it. */
export const FEATURE_EXPAND = ['meters', 'meter', 'groups'] as const;

const { inList, equals, contains } = filtersOn<Feature>();
export const FeatureList = listing('features', {
  filters: {
    feature_ids: inList('id'),
    meter_ids: inList('meterId'),
    lookup_key: equals('lookupKey'),
    lookup_keys: inList('lookupKey'),
    name_contains: contains('name'),
  },
  fields: {
    name: 'string',
    lookup_key: 'string',
    type: 'string',
    meter_id: 'string',
    unit_singular: 'string',
    unit_plural: 'string',
  },
});
export const FeatureSearchRequest = FeatureList.search;
