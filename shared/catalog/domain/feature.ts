import { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { EntityColumns } from '#kernel/wire.ts';
import type { Meter } from '#metering/domain/meter.ts';

export type FeatureType = 'metered' | 'boolean' | 'static' | 'config';

/** Something that a plan gives: metered by a meter of its own, or switched on, or a value (billing.md 2.1). */
export interface Feature extends EntityColumns {
  readonly name: string;
  readonly lookupKey: string | null;
  readonly description: string | null;
  readonly type: FeatureType;
  /** Set on metered features, and only there. */
  readonly meterId: string | null;
  readonly unitSingular: string | null;
  readonly unitPlural: string | null;
  readonly reportingUnitSingular: string | null;
  readonly reportingUnitPlural: string | null;
  /** Displayed usage = usage x this rate (metering.md 3.1). */
  readonly reportingUnitConversionRate: Decimal | null;
  readonly alertSettings: AlertSettings | null;
  readonly groupId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ReportingUnit {
  readonly unitSingular: string | null;
  readonly unitPlural: string | null;
  readonly conversionRate: Decimal;
}

/** A feature as it is shown: a metered one with its meter. */
export interface FeatureView extends Feature {
  readonly meter: Meter | null;
  readonly reportingUnit: ReportingUnit | null;
}

export function featureView(feature: Feature, meter: Meter | null): FeatureView {
  const { reportingUnitSingular: unitSingular, reportingUnitPlural: unitPlural, reportingUnitConversionRate: conversionRate } = feature;
  return { ...feature, meter, reportingUnit: conversionRate && { unitSingular, unitPlural, conversionRate } };
}

/** `threshold` is decimal text. */
export interface AlertThreshold {
  readonly threshold: string;
  readonly condition: 'above' | 'below';
}

/** When the wallet balance of a feature's customer is worth a notice (metering.md 10). */
export interface AlertSettings {
  readonly alertEnabled: boolean;
  readonly critical: AlertThreshold | null;
  readonly warning: AlertThreshold | null;
  readonly info: AlertThreshold | null;
}

/** Throws a validation error unless the levels share one condition and lie in order: info, warning, critical in the alarm's direction. */
export function checkAlertSettings(settings: AlertSettings): void {
  const { alertEnabled, critical, warning, info } = settings;
  if (warning && !critical) throw invalid('alert_settings.critical', 'is required with a warning level');
  const levels = [critical, warning, info].filter((level) => level !== null);
  const [first] = levels;
  if (first === undefined) {
    if (alertEnabled) throw invalid('alert_settings', 'needs at least one level when alert_enabled is true');
    return;
  }
  if (levels.some((level) => level.condition !== first.condition))
    throw invalid('alert_settings', 'all levels must have the same condition');
  levels.slice(1).forEach((milder, index) => {
    const difference = new Decimal(milder.threshold).comparedTo(new Decimal((levels[index] as AlertThreshold).threshold));
    if (first.condition === 'above' ? difference > 0 : difference < 0) {
      throw invalid(
        'alert_settings',
        first.condition === 'above' ? 'must have info <= warning <= critical' : 'must have info >= warning >= critical',
      );
    }
  });
}
