import * as z from 'zod';
import { listQuery, queryList, searchBody } from '#kernel/pagination.ts';
import { entityBase, listOf, metadataInput, metadataText, requiredText, text } from '#kernel/wire.ts';

const address = {
  address_line1: text.optional(),
  address_line2: text.optional(),
  address_city: text.optional(),
  address_state: text.optional(),
  address_postal_code: text.optional(),
  address_country: text.optional(),
};

export const CreateCustomerRequest = z.object({
  external_id: requiredText,
  name: requiredText,
  email: text.optional(),
  contact: text.optional(),
  ...address,
  timezone: text.optional(),
  metadata: metadataInput.optional(),
});
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

export const CustomerListQuery = listQuery({
  customer_ids: queryList,
  external_ids: queryList,
  external_id: text.optional(),
  email: text.optional(),
});
export const CustomerSearchRequest = searchBody({
  customer_ids: z.array(text).max(1000).nullish(),
  external_ids: z.array(text).max(1000).nullish(),
  external_id: text.nullish(),
  email: text.nullish(),
});
