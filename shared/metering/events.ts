import { defineEvent } from '#platform/resource/events.ts';
import { MeterResponse } from './contracts/meter.ts';

export const meterEvents = {
  created: defineEvent('meter.created', 'meter', MeterResponse),
  updated: defineEvent('meter.updated', 'meter', MeterResponse),
  disabled: defineEvent('meter.disabled', 'meter', MeterResponse),
  deleted: defineEvent('meter.deleted', 'meter', MeterResponse),
};
