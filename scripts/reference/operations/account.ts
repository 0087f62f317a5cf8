import { LIST, type OperationText, PATCH, RETRY, SEARCH } from '../operation-text.ts';

export const ACCOUNT: Readonly<Record<string, OperationText>> = {
  getHealth: {
    says: 'Needs neither a credential nor an engine: it says that the process answers, and nothing about the engines behind it.',
  },
  postHealth: { says: 'The same for load balancers that can only POST.' },
  getReadiness: {
    says: 'Asks Postgres, ClickHouse and the event log, at most once a second. 503 names the engines that fail; why is in the log.',
  },
  getUserInfo: {
    says: 'The user or service account behind the key, with its roles: the first thing to ask when a request is refused with 403.',
  },
  getTenantById: { says: 'Only the tenant of the credential is found.', path: { id: '$tenant' } },
  updateTenant: { says: PATCH, body: { name: 'Acme Cloud', billing_details: { email: 'billing@acme.example' } } },
  getEnvironments: { says: 'Every environment has its own customers, catalog, events and keys. A key belongs to one environment.' },
  createEnvironment: { says: RETRY, body: { name: 'Staging', type: 'development' }, gives: { environment: 'id' } },
  getEnvironment: { says: 'By its id.', path: { id: '$environment' } },
  updateEnvironment: { says: 'Its name and its type.', path: { id: '$environment' }, body: { name: 'Sandbox' } },
  listRbacRoles: { says: 'What each role may read and write. A key gets the union of its roles.' },
  createApiKey: {
    says: 'A private key is kept on servers; without `roles` it has those of its maker. A publishable key may be shown to browsers: it sends events and does nothing else.',
    body: { name: 'Billing job', type: 'private_key', roles: ['event_reader'], expires_at: '2099-01-01T00:00:00Z' },
    gives: { apiKey: 'secret.id' },
  },
  listApiKeys: { says: 'Without their texts, which nobody can read again. `last_used_at` is exact to the minute.' },

  createCustomer: {
    says: `\`external_id\` is your own name of the customer: events carry it. ${RETRY}`,
    body: {
      external_id: 'acme',
      name: 'Acme',
      email: 'ap@acme.example',
      address_country: 'DE',
      timezone: 'Europe/Berlin',
      metadata: { crm_id: '0017' },
    },
    gives: { customer: 'id' },
  },
  listCustomers: { says: LIST, query: { limit: '20' } },
  queryCustomer: { says: SEARCH, body: { external_ids: ['acme'], limit: 20 } },
  getCustomer: { says: 'By the id that this API gave.', path: { id: '$customer' } },
  getCustomerByExternalId: { says: 'By the id that you gave.', path: { external_id: 'acme' } },
  getCustomerByLookupKey: { says: 'The lookup key of a customer is its external id.', path: { lookup_key: 'acme' } },
  updateCustomerById: {
    says: `${PATCH} An external id that events carry cannot change while the customer is billed.`,
    path: { id: '$customer' },
    body: { contact: 'Jane Doe' },
  },
  updateCustomer: {
    says: `${PATCH} The customer is named in the query, by one of its two ids.`,
    query: { external_customer_id: 'acme' },
    body: { address_city: 'Berlin' },
  },
};
