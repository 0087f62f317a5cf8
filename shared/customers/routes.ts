import * as z from 'zod';
import { invalid } from '#kernel/errors.ts';
import { listOptions } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, noContent, ok, type Route, route } from '#platform/http/route.ts';
import {
  CreateCustomerRequest,
  CustomerListQuery,
  CustomerResponse,
  CustomerSearchRequest,
  CustomerSelector,
  ListCustomersResponse,
  UpdateCustomerRequest,
} from './contracts.ts';
import type { CustomerService } from './service.ts';

const tag = 'Customers';
const byId = z.object({ id: z.string() });

export const customerRoutes = (customers: CustomerService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/customers',
    operationId: 'createCustomer',
    tag,
    summary: 'Create a customer',
    permission: 'write:Customer',
    body: CreateCustomerRequest,
    responses: { 201: CustomerResponse },
    handler: async ({ ctx, body }) => created(toWire(await customers.create(ctx, fromWire(body)))),
  }),
  route({
    method: 'GET',
    path: '/v1/customers',
    operationId: 'listCustomers',
    tag,
    summary: 'List customers',
    permission: 'authenticated',
    query: CustomerListQuery,
    responses: { 200: ListCustomersResponse },
    handler: async ({ ctx, query }) => ok(pageReply(await customers.list(ctx, fromWire(query), listOptions(query)))),
  }),
  route({
    method: 'POST',
    path: '/v1/customers/search',
    operationId: 'queryCustomer',
    tag,
    summary: 'Search customers',
    permission: 'authenticated',
    body: CustomerSearchRequest,
    responses: { 200: ListCustomersResponse },
    handler: async ({ ctx, body }) => ok(pageReply(await customers.list(ctx, fromWire(body) as never, listOptions(body)))),
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
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, query, body }) => {
      if (!query.id && !query.external_customer_id) throw invalid('id', 'id or external_customer_id is required');
      const id = query.id || (await customers.getByExternalId(ctx, query.external_customer_id ?? '')).id;
      return ok(toWire(await customers.update(ctx, id, fromWire(body))));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/customers/external/{external_id}',
    operationId: 'getCustomerByExternalId',
    tag,
    summary: 'Get a customer by external id',
    permission: 'authenticated',
    params: z.object({ external_id: z.string() }),
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params }) => ok(toWire(await customers.getByExternalId(ctx, params.external_id))),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/lookup/{lookup_key}',
    operationId: 'getCustomerByLookupKey',
    tag,
    summary: 'Get a customer by lookup key, which is its external id',
    permission: 'authenticated',
    params: z.object({ lookup_key: z.string() }),
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params }) => ok(toWire(await customers.getByExternalId(ctx, params.lookup_key))),
  }),
  route({
    method: 'GET',
    path: '/v1/customers/{id}',
    operationId: 'getCustomer',
    tag,
    summary: 'Get a customer',
    permission: 'authenticated',
    params: byId,
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params }) => ok(toWire(await customers.get(ctx, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/customers/{id}',
    operationId: 'updateCustomerById',
    tag,
    summary: 'Update a customer',
    permission: 'write:Customer',
    params: byId,
    body: UpdateCustomerRequest,
    responses: { 200: CustomerResponse },
    handler: async ({ ctx, params, body }) => ok(toWire(await customers.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'DELETE',
    path: '/v1/customers/{id}',
    operationId: 'deleteCustomer',
    tag,
    summary: 'Delete a customer',
    permission: 'write:Customer',
    params: byId,
    responses: { 204: null },
    handler: async ({ ctx, params }) => {
      await customers.delete(ctx, params.id);
      return noContent();
    },
  }),
];
