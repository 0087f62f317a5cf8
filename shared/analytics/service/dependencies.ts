import type { FeatureService } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { EntitlementService } from '#entitlements/service/entitlements.ts';
import type { ReadUsage } from '#invoicing/service/dependencies.ts';
import type { Clock } from '#kernel/clock.ts';
import type { InvoiceService } from '#invoicing/service/invoice.ts';
import type { GroupedUsageService } from '#metering/service/grouped-usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';

export interface AnalyticsDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: Pick<CustomerService, 'findByExternalIds' | 'getMany'>;
  readonly subscriptions: Pick<SubscriptionService, 'find' | 'viewsOf' | 'inheritedOf'>;
  readonly prices: Pick<PriceService, 'getMany' | 'chargingFor'>;
  readonly plans: Pick<PlanService, 'getMany'>;
  readonly features: Pick<FeatureService, 'ofMeters' | 'everOfMeters' | 'getMany'>;
  readonly entitlements: Pick<EntitlementService, 'forSubscriptions'>;
  /** Usage as invoices read it. */
  readonly readUsage: ReadUsage;
  readonly meters: Pick<MeterService, 'getMany' | 'forEventNames'>;
  readonly usage: GroupedUsageService;
  readonly invoices: Pick<InvoiceService, 'finalUsageAt'>;
}
