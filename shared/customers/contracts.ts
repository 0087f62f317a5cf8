import * as z from 'zod';
import { entityBase, listOf, metadataInput, metadataText, nameInPath, requiredText, text } from '#kernel/wire.ts';
import { filtersOn } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Customer } from './domain.ts';

/** What may be left out. Null and an empty text say nothing, too. */
const details = {
  email: text.nullish(),
  contact: text.nullish(),
  address_line1: text.nullish(),
  address_line2: text.nullish(),
  address_city: text.nullish(),
  address_state: text.nullish(),
  address_postal_code: text.nullish(),
  address_country: text.nullish(),
  timezone: text.nullish(),
  metadata: metadataInput.nullish(),
};

export const CreateCustomerRequest = z.object({ external_id: nameInPath, name: requiredText, ...details });
export type CreateCustomerRequest = z.output<typeof CreateCustomerRequest>;

/** What is left out stays as it is; `metadata` is replaced whole. */
export const UpdateCustomerRequest = CreateCustomerRequest.partial();
export type UpdateCustomerRequest = z.output<typeof UpdateCustomerRequest>;

/** `PUT /v1/customers` names the customer in the query. */
export const CustomerSelector = z.object({ id: text.optional(), external_customer_id: text.optional() });

export const CustomerResponse = entityBase.extend({
  external_id: z.string(),
  name: z.string(),
  email: z.string().optional(),
  contact: z.string().optional(),
  address_line1: z.string().optional(),
  address_line2: z.string().optional(),
  address_city: z.string().optional(),
  address_state: z.string().optional(),
  address_postal_code: z.string().optional(),
  address_country: z.string().optional(),
  timezone: z.string(),
  metadata: metadataText,
});
export const ListCustomersResponse = listOf(CustomerResponse);

const { inList, equals } = filtersOn<Customer>();
export const CustomerList = listing('customers', {
  filters: { customer_ids: inList('id'), external_ids: inList('externalId'), external_id: equals('externalId'), email: equals('email') },
  fields: { external_id: 'string', name: 'string', email: 'string', contact: 'string', timezone: 'string' },
});
export const CustomerSearchRequest = CustomerList.search;
