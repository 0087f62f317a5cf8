import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import { clampPeriod } from '#kernel/calendar/period.ts';
import type { FinalUsage } from '#invoicing/domain/invoice.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { livedPeriod } from '../domain/line.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { parentsOf, subscribedLines } from './subscribed.ts';

/** Prices of one answer: a meter that more plans use than this is no riddle any more. */
const MAX_PRICES = 100;
const EVER_CHARGED = ['active', 'trialing', 'paused', 'cancelled'] as const;

/** A line item that charges for one of the meters. */
export interface ChargingLine {
  readonly item: SubscriptionLineItem;
  /** The event's time lies within the line's own dates. */
  readonly inRange: boolean;
  /** And within those of its subscription, so that the line charges for the event. */
  readonly active: boolean;
  /** The invoice that closed usage of that time on the line. */
  readonly final: FinalUsage | null;
}

/** Why an event costs something, or does not (metering.md 5.4). */
export interface EventCharges {
  /** Whatever charges for the meters, ended prices included: an event may be old. */
  readonly prices: readonly Price[];
  readonly lines: readonly ChargingLine[];
  /** By meter. */
  readonly featureIds: ReadonlyMap<string, string>;
}

/** What charges a customer, or the parent of a subscription that it inherits, for events that these meters count, at a moment. */
export function eventCharges(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  customerId: string,
  meterIds: readonly string[],
  at: DateTime,
): Promise<EventCharges> {
  const { database, prices, features, invoices } = dependencies;
  return database.withTenant(ctx, async (tx) => {
    const inside = { ...ctx, transaction: tx };
    const charging = await prices.chargingFor(inside, meterIds, MAX_PRICES);
    const views = await subscribedLines(inside, dependencies, customerId, EVER_CHARGED);
    const moment = { start: at, end: at.plus({ milliseconds: 1 }) };
    const inherited = (await parentsOf(inside, dependencies, views)).map(({ view, span }) => ({
      view,
      lives: clampPeriod({ startDate: span.start, endDate: span.end }, moment) !== null,
    }));
    const found = [...views.map((view) => ({ view, lives: true })), ...inherited].flatMap(
      ({ view: { subscription, items: lineItems }, lives }) =>
        (lineItems ?? [])
          .filter(({ item }) => item.meterId !== null && meterIds.includes(item.meterId))
          .map(
            ({ item }): Omit<ChargingLine, 'final'> => ({
              item,
              inRange: item.startDate <= at && (item.endDate === null || at < item.endDate),
              active: lives && livedPeriod(item, subscription, moment) !== null,
            }),
          ),
    );
    const charged = found.filter(({ active }) => active).map(({ item: { subscriptionId, id } }) => ({ subscriptionId, lineItemId: id }));
    const finals = await invoices.finalUsageAt(inside, charged, at);
    const lines = found.map(
      (line): ChargingLine => ({ ...line, final: finals.find(({ lineItemId }) => lineItemId === line.item.id) ?? null }),
    );
    const featureIds = new Map(
      (await features.ofMeters(inside, meterIds)).flatMap(({ id, meterId }): [string, string][] =>
        meterId === null ? [] : [[meterId, id]],
      ),
    );
    return { prices: charging, lines, featureIds };
  });
}
