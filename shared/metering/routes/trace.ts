import { toWire, wireTime } from '#kernel/wire.ts';
import type { LedgerPlace } from '../domain/ledger.ts';
import type { Acceptance, EventTrace, MeterAttribution } from '../service/events.ts';
import { meterToWire } from '../service/meters.ts';
import { eventToWire } from './event-wire.ts';

/** An event's way in the words of the debug tracker: stages in their order, up to the first that failed (metering.md 5.4). */
export function traceToWire({ event, acceptance, customer, meters }: EventTrace): Record<string, unknown> {
  if (event === null) {
    if (acceptance.status === 'rejected') {
      return { status: 'failed', acceptance: acceptanceToWire(acceptance), processed_events: [], debug_tracker: { customer_lookup: { status: 'unprocessed' }, meter_matching: { status: 'unprocessed' } } };
    }
    return { status: 'processing', acceptance: acceptanceToWire(acceptance), processed_events: [], debug_tracker: { customer_lookup: { status: 'processing' }, meter_matching: { status: 'unprocessed' } } };
  }
  const refusal = meters.find((item) => item.refusal !== null);
  const failure = customer === null ? failed('customer_lookup', `no customer has the external id ${event.externalCustomerId}`)
    : meters.length === 0 ? failed('meter_lookup', `no meter takes events named ${event.eventName} with these properties`)
    : refusal ? failed('attributed_to_customer', refusal.refusal ?? '') : null;
  return {
    event: eventToWire(event),
    status: 'processed',
    acceptance: acceptanceToWire(acceptance),
    processed_events: meters.filter(counted).map(({ meter, quantity }) => ({
      ...(customer === null ? {} : { customer_id: customer.id }),
      meter_id: meter.id, qty_total: quantity?.toFixed(), processed_at: wireTime(event.ingestedAt),
    })),
    debug_tracker: {
      customer_lookup: customer === null ? { status: 'not_found' } : { status: 'found', customer: toWire(customer) },
      meter_matching: {
        status: meters.length === 0 ? 'not_found' : 'found',
        matched_meters: meters.map(({ meter }) => ({ meter_id: meter.id, event_name: meter.eventName, meter: meterToWire(meter) })),
      },
      attributed_to_customer: attributed(event.externalCustomerId, meters, customer !== null),
      ...(failure === null ? {} : { failure_point: failure }),
    },
  };
}

function acceptanceToWire(acceptance: Acceptance): Record<string, unknown> {
  switch (acceptance.status) {
    case 'accepted': return { status: 'accepted', ...(acceptance.acceptedAt === null ? {} : { accepted_at: wireTime(acceptance.acceptedAt) }) };
    case 'stored': return {
      status: 'stored',
      duplicates: acceptance.copies.map((copy) => ({ ...placeToWire(copy), external_customer_id: copy.externalCustomerId, event_name: copy.eventName, timestamp: wireTime(copy.timestamp) })),
    };
    case 'rejected': return { status: 'rejected', rejections: acceptance.rejections.map((rejection) => ({ ...placeToWire(rejection), reason: rejection.reason, detail: rejection.detail })) };
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

function failed(stage: string, message: string): Record<string, unknown> {
  return { failure_point_type: stage, error: { code: stage === 'attributed_to_customer' ? 'validation_error' : 'not_found', message } };
}
