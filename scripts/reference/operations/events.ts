import { MONTH, type OperationText } from '../operation-text.ts';

export const EVENTS: Readonly<Record<string, OperationText>> = {
  ingestEvent: {
    says: 'Answers 202 when the event is durable; it counts within seconds. `event_id` makes it count once, however often it is sent. Keys that are not known are taken and named in `X-Ignored-Fields`. 429 says when to come again.',
    body: {
      event_id: 'call-1',
      event_name: 'api.call',
      external_customer_id: 'acme',
      timestamp: '2026-01-15T12:00:00Z',
      properties: { region: 'eu' },
    },
  },
  ingestEventsBulk: {
    says: 'All or none: the answer to a batch with a bad item names every bad one.',
    body: {
      events: [
        { event_id: 'call-2', event_name: 'api.call', external_customer_id: 'acme', timestamp: '2026-01-15T12:00:01Z' },
        {
          event_id: 'llm-1',
          event_name: 'llm.request',
          external_customer_id: 'acme',
          timestamp: '2026-01-15T12:00:02Z',
          properties: { model: 'large', region: 'eu', tokens: 1200 },
        },
      ],
    },
  },
  ingestRawEventsBulk: {
    says: 'The shape is that of a call of a model at a provider. Items that make no event are dropped, named in `dropped_items` and found by their id.',
    body: {
      events: [
        {
          orgId: 'acme',
          id: 'raw-1',
          methodName: 'completion',
          providerName: 'openai',
          createdAt: '2026-01-15T12:00:03Z',
          data: { modelName: 'large', inputTokens: 1200 },
        },
      ],
    },
  },
  getEventById: {
    says: 'Accepted, stored (with its copies) or rejected with the reason; then which meter counted it and which price charges for it, or which stage found none.',
    path: { id: 'call-1' },
  },
  getEvent: { says: 'The same for ids that no path can hold.', query: { id: 'call-1' } },
  getEvents: {
    says: 'Newest first, of the last 30 days unless a start is named.',
    query: { external_customer_id: 'acme', start_time: MONTH.start_time },
  },
  listRawEvents: {
    says: 'Newest first, of the last 30 days unless a start is named. `property_filters` compare first-level properties.',
    body: { external_customer_id: 'acme', start_time: MONTH.start_time, property_filters: { region: ['eu'] }, page_size: 20 },
  },
  getUsageStatistics: {
    says: 'By the name of the events, without a meter. `X-Usage-Watermark` says up to which acceptance time the number is complete.',
    body: { event_name: 'api.call', external_customer_id: 'acme', aggregation_type: 'COUNT', ...MONTH },
  },
  getUsageByMeter: {
    says: 'By a meter. With `window_size` or a bucketed meter there is one result per window or bucket beside the total.',
    body: { meter_id: '$meter', external_customer_id: 'acme', window_size: 'DAY', ...MONTH },
  },
  getUsageAnalytics: {
    says: 'Each line is what a price of a subscription charges; usage that nothing charges for has a line without a cost.',
    body: { external_customer_id: 'acme', group_by: ['source'], window_size: 'DAY', ...MONTH },
  },
  queryMeterUsage: {
    says: "By any aggregation, whatever the meter's own is.",
    body: { meter_id: '$tokenMeter', external_customer_id: 'acme', aggregation_type: 'MAX', ...MONTH },
  },
  getMeterUsageAnalytics: {
    says: 'Each meter with its total and its points.',
    body: { meter_ids: ['$meter', '$tokenMeter'], external_customer_id: 'acme', aggregation_type: 'COUNT', ...MONTH },
  },
  getMeterUsageDetailedAnalytics: {
    says: 'As the analytics of events, narrowed and grouped by meter.',
    body: { external_customer_id: 'acme', meter_ids: ['$meter'], group_by: ['meter_id'], ...MONTH },
  },
  getMonitoringData: { says: 'The parts add up to what was accepted; `unaccounted` is 0, or something is wrong.', query: MONTH },
  listDeadLetters: { says: 'Events that were accepted and could not be stored, each with the reason.', query: { status: 'open' } },
  redriveDeadLetters: {
    says: 'By their ids, or all of a reason. What was mended meanwhile is stored; the rest is told again.',
    body: { reason: 'invalid_event' },
  },
  reprocessEvents: {
    says: 'Counters, onboarding and what else follows from events are derived anew; usage does not change. The answer names a run to ask about.',
    body: { external_customer_ids: ['acme'], start_date: MONTH.start_time, end_date: MONTH.end_time },
    gives: { reprocess: 'workflow_id' },
  },
  getReprocess: { says: 'Runs are remembered for a month.', path: { workflow_id: '$reprocess' } },
};
