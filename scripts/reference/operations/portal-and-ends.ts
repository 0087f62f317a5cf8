import { MONTH, type OperationText, PORTAL } from '../operation-text.ts';

export const PORTAL_AND_ENDS: Readonly<Record<string, OperationText>> = {
  getSettingByKey: { says: 'What nobody has set has neither id nor times.', path: { key: 'customer_portal_config' } },
  updateSettingByKey: {
    says: 'The whole value is replaced.',
    path: { key: 'customer_portal_config' },
    body: { value: { cost_analytics_enabled: true } },
  },
  createPortalSession: {
    says: 'Your server makes it, a browser may hold its token. It shows one customer and nothing else.',
    path: { external_id: 'acme' },
    gives: { token: 'token' },
  },
  getPortalConfig: { says: PORTAL },
  getPortalCustomer: { says: PORTAL },
  updatePortalCustomer: {
    says: `${PORTAL} By the external id and the time zone its usage is found and cut: those are the seller's.`,
    body: { contact: 'John Doe' },
  },
  getPortalUsage: { says: PORTAL },
  getPortalUsageAnalytics: { says: PORTAL, body: { ...MONTH, window_size: 'DAY' } },
  getPortalCostAnalytics: { says: `${PORTAL} 403 unless the setting shows costs.`, body: MONTH },
  listPortalSubscriptions: { says: PORTAL, body: { limit: 20 } },
  getPortalSubscription: { says: PORTAL, path: { id: '$subscription' } },
  listPortalInvoices: { says: `${PORTAL} Drafts are not shown.`, body: { limit: 20 }, gives: { issued: 'items.0.id' } },
  getPortalInvoice: { says: PORTAL, path: { id: '$issued' } },

  listPortalInvoiceLineItems: { says: `${PORTAL} In pages.`, path: { id: '$issued' }, gives: { issuedLine: 'items.0.id' } },
  listPortalInvoiceLineBuckets: {
    says: `${PORTAL} Empty where the meter has no buckets.`,
    path: { id: '$issued', line_item_id: '$issuedLine' },
  },
  listPortalInvoiceLineWindows: {
    says: `${PORTAL} Empty where the line has no windowed commitment.`,
    path: { id: '$issued', line_item_id: '$issuedLine' },
  },

  deleteSettingByKey: { says: 'The default holds again within five seconds.', path: { key: 'customer_portal_config' } },
  getDeadLetter: { says: 'As it was sent, with the exact bytes where it is no text.', path: { id: '$deadLetter' } },
  disableMeter: { says: 'What it measured stays. Refused while a price or a feature stands on it.', path: { id: '$tokenMeter' } },
  deleteMeter: { says: 'Refused while something stands on it, which the answer names.', path: { id: '$tokenMeter' } },
  deleteEntitlement: { says: 'Subscribers lose what it gave.', path: { id: '$otherEntitlement' } },
  deleteFeature: {
    says: 'Its lookup key is free again, and its meter goes on counting. Refused while an entitlement gives it.',
    path: { id: '$clonedFeature' },
  },
  deletePrice: {
    says: 'Ends it, now or at `end_date`; what it has billed keeps it.',
    path: { id: '$fee' },
    body: { end_date: '2099-01-01T00:00:00Z' },
  },
  deleteCostsheet: { says: 'Its prices end with it.', path: { id: '$costsheet' } },
  deletePlan: { says: 'Refused while a subscription uses it, which the answer names.', path: { id: '$unusedPlan' } },
  deleteCustomer: { says: 'Refused while a subscription or a draft is open, which the answer names.', path: { id: '$unusedCustomer' } },
  deleteApiKey: {
    says: 'It stops working at once in the process that deleted it, and within five seconds in all others.',
    path: { id: '$apiKey' },
  },
  getIngestTerms: { says: "Of any tenant, with the operator's own key.", path: { id: '$tenant' } },
  updateIngestTerms: {
    says: "`lazy` sends its events through a stream of their own, where they hold up nobody. With the operator's own key.",
    path: { id: '$tenant' },
    body: { lazy: false, quota: { events_per_second: 5000, burst: 10000 } },
  },
};
