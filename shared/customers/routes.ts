import * as z from 'zod';
import { invalid } from '#kernel/errors.ts';
import { fromWire } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import {
  CreateCustomerRequest,
  CustomerList,
  CustomerResponse,
  CustomerSelector,
  ListCustomersResponse,
  UpdateCustomerRequest,
} from './contracts.ts';
import type { CustomerService } from './service.ts';

const tag = 'Customers';
const NOT_UPDATED = { lacking: ['integration_entity_mapping', 'tax_rate_overrides'] };
const shown = (customer: unknown) => shaped(CustomerResponse, customer);

export const customerRoutes = (customers: CustomerService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/customers',
    entity: 'Customer',
    response: CustomerResponse,
    create: {
      operationId: 'createCustomer',
      summary: 'Create a customer',
      body: CreateCustomerRequest,
      foreignKeys: {
        ignored: { skip_onboarding_workflow: 'creating a customer starts no workflow that could be skipped' },
        lacking: ['integration_entity_mapping', 'onboarding_workflow_name', 'tax_rate_overrides'],
      },
      run: customers.create,
    },
    list: {
      listing: CustomerList,
      response: ListCustomersResponse,
      get: { operationId: 'listCustomers', summary: 'List customers' },
      search: { operationId: 'queryCustomer', summary: 'Search customers', foreignKeys: { lacking: ['metadata'] } },
      run: customers.list,
    },
    get: { operationId: 'getCustomer', summary: 'Get a customer', run: customers.get },
    update: {
      operationId: 'updateCustomerById',
      summary: 'Update a customer',
      body: UpdateCustomerRequest,
      foreignKeys: NOT_UPDATED,
      run: customers.update,
    },
    delete: { operationId: 'deleteCustomer', summary: 'Delete a customer', run: customers.delete },
  }),
  route({
    method: 'PUT',
    path: '/v1/customers',
    operationId: 'updateCustomer',
    tag,
    summary: 'Update the customer that the query names',
    permission: 'write:Customer',
    query: CustomerSelector,
    body: UpdateCustomerRequest,
    foreignKeys: NOT_UPDATED,
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, query, body }) => {
      if (!query.id && !query.external_customer_id) throw invalid('id', 'id or external_customer_id is required');
      const id = query.id || (await customers.getByExternalId(ctx, query.external_customer_id ?? '')).id;
      return ok(shown(await customers.update(ctx, id, fromWire(body))));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/customers/external/{external_id}',
    operationId: 'getCustomerByExternalId',
    tag,
    summary: 'Get a customer by external id',
    permission: 'read:Customer',
    params: z.object({ external_id: z.string() }),
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params }) => ok(shown(await customers.getByExternalId(ctx, params.external_id))),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/lookup/{lookup_key}',
    operationId: 'getCustomerByLookupKey',
    tag,
    summary: 'Get a customer by lookup key, which is its external id',
    permission: 'read:Customer',
    params: z.object({ lookup_key: z.string() }),
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params }) => ok(shown(await customers.getByExternalId(ctx, params.lookup_key))),
  }),
];
