import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { toWire, wireTime } from '#kernel/wire.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { LedgerPlace } from '#ingestion/domain/ledger.ts';
import { shaped } from '#platform/resource/shape.ts';
import { MeterResponse } from '../contracts/meter.ts';
import type { Acceptance, EventTrace, MeterAttribution } from '../service/events.ts';
import { eventToWire } from './event-wire.ts';

interface ClosingInvoice {
  readonly invoiceId: string;
  readonly invoiceNumber: string | null;
  readonly countedAt: DateTime;
  readonly finalizedAt: DateTime | null;
}

/** What charges for the meters of an event, as the wire shows it: prices and subscriptions know the metering, not the other way round. */
export interface ChargesOnWire {
  readonly prices: readonly Readonly<Record<string, unknown>>[];
  readonly lines: readonly {
    readonly meterId: string;
    readonly active: boolean;
    readonly subscriptionId: string;
    readonly lineItemId: string;
    readonly priceId: string;
    /** The invoice that closed usage of the event's time: final, or skipped where `finalizedAt` is null. */
    readonly final: ClosingInvoice | null;
    readonly wire: Readonly<Record<string, unknown>>;
  }[];
  readonly featureIds: ReadonlyMap<string, string>;
}
export type ChargesOf = (ctx: RequestContext, customerId: string, meterIds: readonly string[], at: DateTime) => Promise<ChargesOnWire>;

const NO_CHARGES: ChargesOnWire = { prices: [], lines: [], featureIds: new Map() };

/** An event's way in the words of the debug tracker (metering.md 5.4), with what charges for it. */
export async function tracedOnWire(ctx: RequestContext, trace: EventTrace, chargesOf: ChargesOf): Promise<Record<string, unknown>> {
  const { event, acceptance, customer, meters } = trace;
  if (event === null) {
    if (acceptance.status === 'rejected') {
      return {
        status: 'failed',
        acceptance: acceptanceToWire(acceptance),
        processed_events: [],
        debug_tracker: { customer_lookup: { status: 'unprocessed' }, meter_matching: { status: 'unprocessed' } },
      };
    }
    return {
      status: 'processing',
      acceptance: acceptanceToWire(acceptance),
      processed_events: [],
      debug_tracker: { customer_lookup: { status: 'processing' }, meter_matching: { status: 'unprocessed' } },
    };
  }
  const charges =
    customer === null || meters.length === 0
      ? NO_CHARGES
      : await chargesOf(
          ctx,
          customer.id,
          meters.map(({ meter }) => meter.id),
          event.timestamp,
        );
  const failure = failureOf({ ...trace, event }, charges);
  return {
    event: eventToWire(event),
    ...(event.ignoredFields === undefined || event.ignoredFields.length === 0 ? {} : { ignored_fields: event.ignoredFields }),
    status: 'processed',
    acceptance: acceptanceToWire(acceptance),
    processed_events: meters.filter(counted).flatMap((attribution) => processed(event, customer?.id, attribution, charges)),
    debug_tracker: {
      customer_lookup: customer === null ? { status: 'not_found' } : { status: 'found', customer: toWire(customer) },
      meter_matching: {
        status: meters.length === 0 ? 'not_found' : 'found',
        matched_meters: meters.map(({ meter }) => ({
          meter_id: meter.id,
          event_name: meter.eventName,
          meter: shaped(MeterResponse, meter),
        })),
      },
      ...pricing(customer !== null && meters.length > 0, charges),
      attributed_to_customer: attributed(event.externalCustomerId, meters, customer !== null),
      ...(failure === null ? {} : { failure_point: failure }),
    },
  };
}

/** Prices and line items are looked for in this order; the second is not done where the first found none. */
function pricing(reached: boolean, { prices, lines }: ChargesOnWire): Record<string, unknown> {
  if (!reached) return { price_lookup: { status: 'unprocessed' }, subscription_line_item_lookup: { status: 'unprocessed' } };
  if (prices.length === 0) return { price_lookup: { status: 'not_found' }, subscription_line_item_lookup: { status: 'unprocessed' } };
  return {
    price_lookup: { status: 'found', matched_prices: prices },
    subscription_line_item_lookup: {
      status: lines.some(({ active }) => active) ? 'found' : 'not_found',
      matched_line_items: lines.map(({ wire }) => wire),
    },
  };
}

/** The first stage that failed. A value that no meter could use comes before a price that is missing: a price would not help. */
function failureOf(
  { event, customer, meters }: EventTrace & { readonly event: StoredEvent },
  { prices, lines }: ChargesOnWire,
): Record<string, unknown> | null {
  if (customer === null) return failed('customer_lookup', `no customer has the external id ${event.externalCustomerId}`);
  if (meters.length === 0) return failed('meter_lookup', `no meter takes events named ${event.eventName} with these properties`);
  const refusal = meters.find((item) => item.refusal !== null)?.refusal;
  if (refusal) return failed('attributed_to_customer', refusal);
  // What one meter lacks is no fault of an event that another one counts.
  if (!meters.some(counted)) return failed('attributed_to_customer', meters.find((item) => item.missing !== null)?.missing ?? '');
  if (prices.length === 0) return failed('price_lookup', 'no price charges for the meters that count the event');
  if (!lines.some(({ active }) => active))
    return failed('subscription_line_item_lookup', 'no subscription of the customer charged for these meters at the time of the event');
  const charging = lines.filter(({ active }) => active);
  const late = charging.filter(({ final }) => final !== null && final.countedAt < event.ingestedAt);
  // One that counts for several subscriptions is billed where an invoice is still open.
  if (late.length < charging.length) return null;
  const [{ final } = { final: null }] = late;
  return final === null ? null : failed('invoice', `the event was accepted at ${wireTime(event.ingestedAt)}, after ${closedBy(final)}`);
}

function closedBy({ invoiceId, invoiceNumber, countedAt, finalizedAt }: ClosingInvoice): string {
  return finalizedAt === null
    ? `its period was closed: invoice ${invoiceId} found nothing to bill at ${wireTime(countedAt)} and is SKIPPED`
    : `its period was invoiced: invoice ${invoiceNumber ?? invoiceId} counted its usage at ${wireTime(countedAt)}, is final since ${wireTime(finalizedAt)} and does not hold it`;
}

/** One entry for each line item that charges for the quantity, or one without where none does. */
function processed(
  event: StoredEvent,
  customerId: string | undefined,
  { meter, quantity }: MeterAttribution,
  { lines, featureIds }: ChargesOnWire,
): Record<string, unknown>[] {
  const featureId = featureIds.get(meter.id);
  const entry = {
    ...(customerId === undefined ? {} : { customer_id: customerId }),
    meter_id: meter.id,
    ...(featureId === undefined ? {} : { feature_id: featureId }),
    qty_total: quantity?.toFixed(),
    processed_at: wireTime(event.ingestedAt),
  };
  const charging = lines.filter(({ meterId, active }) => active && meterId === meter.id);
  return charging.length === 0
    ? [entry]
    : charging.map(({ subscriptionId, lineItemId, priceId }) => ({
        ...entry,
        subscription_id: subscriptionId,
        sub_line_item_id: lineItemId,
        price_id: priceId,
      }));
}

function acceptanceToWire(acceptance: Acceptance): Record<string, unknown> {
  switch (acceptance.status) {
    case 'accepted':
      return { status: 'accepted', ...(acceptance.acceptedAt === null ? {} : { accepted_at: wireTime(acceptance.acceptedAt) }) };
    case 'stored':
      return {
        status: 'stored',
        duplicates: acceptance.copies.map((copy) => ({
          ...placeToWire(copy),
          external_customer_id: copy.externalCustomerId,
          event_name: copy.eventName,
          timestamp: wireTime(copy.timestamp),
        })),
      };
    case 'rejected':
      return {
        status: 'rejected',
        rejections: acceptance.rejections.map((rejection) => ({
          ...placeToWire(rejection),
          reason: rejection.reason,
          detail: rejection.detail,
        })),
      };
  }
}

function placeToWire({ acceptedAt, topic, partition, offset, line }: LedgerPlace): Record<string, unknown> {
  return { accepted_at: wireTime(acceptedAt), position: `${topic}:${partition}:${offset}${line < 0 ? '' : `:${line}`}` };
}

function attributed(externalCustomerId: string, meters: readonly MeterAttribution[], known: boolean): Record<string, unknown> {
  const taken = meters.find(counted);
  if (taken === undefined) return { status: meters.some((item) => item.refusal !== null) ? 'error' : 'unprocessed' };
  return {
    status: known ? 'attributed' : 'unprocessed',
    meter_usage: { meter_id: taken.meter.id, external_customer_id: externalCustomerId, qty_total: taken.quantity?.toFixed() },
  };
}

function counted({ quantity }: MeterAttribution): boolean {
  return quantity !== null;
}

/** What kind of error ends a stage; the others did not find what they looked for. */
const CODES: Readonly<Record<string, string>> = { attributed_to_customer: 'validation_error', invoice: 'invalid_operation' };

function failed(stage: string, message: string): Record<string, unknown> {
  return { failure_point_type: stage, error: { code: CODES[stage] ?? 'not_found', message } };
}
