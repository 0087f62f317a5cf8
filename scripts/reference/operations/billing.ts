import { LIST, MONTH, type OperationText, PATCH, RETRY, SEARCH } from '../operation-text.ts';

export const BILLING: Readonly<Record<string, OperationText>> = {
  createSubscription: {
    says: `Begins now unless \`start_date\` says otherwise; periods that are over already are billed by the next sweep. The answer has the opening invoice. ${RETRY}`,
    body: {
      customer_id: '$customer',
      plan_id: '$plan',
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'calendar',
      start_date: '2026-01-01T00:00:00Z',
      payment_terms: '30 NET',
    },
    gives: { subscription: 'id' },
  },
  listSubscriptions: { says: LIST, query: { external_customer_id: 'acme' } },
  querySubscription: { says: SEARCH, body: { customer_id: '$customer', expand: 'plan,prices' } },
  getSubscription: { says: 'Its line items say what is billed, since when, and in which cadence.', path: { id: '$subscription' } },
  getSubscriptionEntitlements: { says: "The plan's and its own, as they are now.", path: { id: '$subscription' } },
  getSubscriptionUsage: {
    says: 'Of the current period unless a range is named. What is included and what commitments cover is considered as on the invoice.',
    body: { subscription_id: '$subscription', ...MONTH },
  },
  getCustomerEntitlements: { says: 'Merged over all running subscriptions, with the source of each.', path: { id: '$customer' } },
  getCustomerEntitlementsByExternalID: { says: 'The same by the id that you gave.', path: { external_id: 'acme' } },
  checkCustomerEntitlement: {
    says: 'Made for the hot path: from counters, within milliseconds. `quantity` asks for so many at once; `watermark` says up to when usage is complete.',
    path: { id: '$customer' },
    query: { feature: 'api-calls', quantity: '10' },
  },
  checkCustomerEntitlementByExternalId: {
    says: 'The same by the id that you gave.',
    path: { external_id: 'acme' },
    query: { feature: 'api-calls' },
  },
  getCustomerUsageSummary: {
    says: 'The customer is named in the query. Where several subscriptions give a feature, the share of each is listed.',
    query: { customer_lookup_key: 'acme' },
  },
  getCustomerUsageSummaryById: { says: 'In the current window of each allowance.', path: { id: '$customer' } },
  getInvoicePreview: {
    says: 'The next invoice as it would be now; writes nothing. Without a range it is the current period.',
    body: { subscription_id: '$subscription', period_start: MONTH.start_time, period_end: MONTH.end_time },
  },
  listInvoices: { says: `${LIST} Without calculations, which the invoice itself has.`, query: { external_customer_id: 'acme' } },
  queryInvoice: {
    says: SEARCH,
    body: { customer_id: '$customer', invoice_status: ['DRAFT'] },
    gives: { draft: 'items.0.id', line: 'items.0.line_items.0.id' },
  },
  getInvoice: {
    says: 'Every line has `calculation`: the quantity before and after what is included, the tiers, and the cost of each, so that a customer can check it. A draft says in `computation` what it waits for.',
    path: { id: '$draft' },
  },
  listInvoiceLineItems: { says: 'In pages, for invoices with very many lines.', path: { id: '$draft' } },
  listInvoiceLineBuckets: { says: 'In pages. Empty where the meter has no buckets.', path: { id: '$draft', line_item_id: '$line' } },
  listInvoiceLineWindows: {
    says: 'In pages. Empty where the line has no windowed commitment.',
    path: { id: '$draft', line_item_id: '$line' },
  },
  finalizeInvoice: {
    says: 'Computes the draft once more, gives it its number and its due date, and freezes it. Refused while usage of its period is still on its way.',
    path: { id: '$draft' },
  },
  voidInvoice: { says: 'It keeps its number, and its period can be invoiced anew.', path: { id: '$draft' } },
  cancelSubscription: {
    says: '`immediate`, `end_of_period` or `scheduled_date` with `cancel_at`. What was used until then is on the last invoice.',
    path: { id: '$subscription' },
    body: { cancellation_type: 'end_of_period', reason: 'customer asked' },
  },

  createCostsheet: {
    says: `What usage costs you: prices with \`entity_type: COSTSHEET\` and its id. The newest one counts. ${RETRY}`,
    body: { name: 'Costs 2026', lookup_key: 'costs-2026' },
    gives: { costsheet: 'costsheet.id' },
  },
  queryCostsheet: { says: SEARCH, body: { lookup_key: 'costs-2026' } },
  getActiveCostsheet: { says: 'What cost analytics use.' },
  getCostsheet: { says: 'With its prices where `expand` asks.', path: { id: '$costsheet' }, query: { expand: 'prices' } },
  updateCostsheet: { says: PATCH, path: { id: '$costsheet' }, body: { description: 'As agreed with the provider' } },
  getDetailedCostAnalytics: {
    says: 'For one customer, or over all of them, each priced alone. Revenue beside it gives margin and markup.',
    body: { external_customer_id: 'acme', ...MONTH },
  },
  getDetailedCostAnalyticsV2: { says: 'See there.', body: { external_customer_id: 'acme', ...MONTH } },
};
