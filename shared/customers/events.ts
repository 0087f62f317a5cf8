import { defineEvent } from '#platform/resource/events.ts';
import { CustomerResponse } from './contracts.ts';

export const customerEvents = {
  created: defineEvent('customer.created', 'customer', CustomerResponse),
  updated: defineEvent('customer.updated', 'customer', CustomerResponse),
  deleted: defineEvent('customer.deleted', 'customer', CustomerResponse),
};
