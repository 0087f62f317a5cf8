import * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import { listOptions, type Page, parseExpand } from '#kernel/pagination.ts';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Reply, type Route, route } from '#platform/http/route.ts';
import {
  CreateBulkPriceRequest,
  CreateBulkPriceResponse,
  CreatePriceRequest,
  DeletePriceRequest,
  ListPricesResponse,
  PRICE_EXPAND,
  PriceListQuery,
  PriceResponse,
  PriceSearchRequest,
  UpdatePriceRequest,
} from '../contracts/price.ts';
import type { Price } from '../domain/price.ts';
import type { PriceService } from '../service/price.ts';
import { barePriceToWire, priceToWire } from './to-wire.ts';

const tag = 'Prices';
const byId = z.object({ id: z.string() });

export const priceRoutes = (prices: PriceService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/prices',
    operationId: 'createPrice',
    tag,
    summary: 'Create a price',
    permission: 'write:Price',
    body: CreatePriceRequest,
    responses: { 201: PriceResponse },
    handler: async ({ ctx, body }) => created(barePriceToWire(await prices.create(ctx, fromWire(body)))),
  }),
  route({
    method: 'POST',
    path: '/v1/prices/bulk',
    operationId: 'createPricesBulk',
    tag,
    summary: 'Create prices, all or none',
    permission: 'write:Price',
    body: CreateBulkPriceRequest,
    responses: { 201: CreateBulkPriceResponse },
    handler: async ({ ctx, body }) => created({ items: (await prices.createMany(ctx, fromWire(body.items))).map(barePriceToWire) }),
  }),
  route({
    method: 'GET',
    path: '/v1/prices',
    operationId: 'listPrices',
    tag,
    summary: 'List prices',
    permission: 'authenticated',
    query: PriceListQuery,
    responses: { 200: ListPricesResponse },
    handler: async ({ ctx, query }) =>
      listReply(prices, ctx, await prices.list(ctx, fromWire(query), listOptions(query)), parseExpand(query.expand, PRICE_EXPAND)),
  }),
  route({
    method: 'POST',
    path: '/v1/prices/search',
    operationId: 'queryPrice',
    tag,
    summary: 'Search prices',
    permission: 'authenticated',
    body: PriceSearchRequest,
    responses: { 200: ListPricesResponse },
    handler: async ({ ctx, body }) =>
      listReply(prices, ctx, await prices.list(ctx, fromWire(body) as never, listOptions(body)), parseExpand(body.expand, PRICE_EXPAND)),
  }),
  route({
    method: 'GET',
    path: '/v1/prices/lookup/{lookup_key}',
    operationId: 'getPriceByLookupKey',
    tag,
    summary: 'Get the price that is in force under a lookup key',
    permission: 'authenticated',
    params: z.object({ lookup_key: z.string() }),
    responses: { 200: PriceResponse },
    handler: async ({ ctx, params }) => oneReply(prices, ctx, await prices.getByLookupKey(ctx, params.lookup_key)),
  }),
  route({
    method: 'GET',
    path: '/v1/prices/{id}',
    operationId: 'getPrice',
    tag,
    summary: 'Get a price',
    permission: 'authenticated',
    params: byId,
    responses: { 200: PriceResponse },
    handler: async ({ ctx, params }) => oneReply(prices, ctx, await prices.get(ctx, params.id)),
  }),
  route({
    method: 'PUT',
    path: '/v1/prices/{id}',
    operationId: 'updatePrice',
    tag,
    summary: 'Change a price: what decides an amount makes a successor',
    permission: 'write:Price',
    params: byId,
    body: UpdatePriceRequest,
    responses: { 200: PriceResponse },
    handler: async ({ ctx, params, body }) => ok(barePriceToWire(await prices.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'DELETE',
    path: '/v1/prices/{id}',
    operationId: 'deletePrice',
    tag,
    summary: 'End a price',
    permission: 'write:Price',
    params: byId,
    body: DeletePriceRequest,
    responses: { 200: successResponse },
    handler: async ({ ctx, params, body }) => {
      await prices.delete(ctx, params.id, body.end_date ?? null);
      return ok({ message: 'price deleted successfully' });
    },
  }),
];

async function oneReply(prices: PriceService, ctx: RequestContext, price: Price): Promise<Reply> {
  return ok((await prices.views(ctx, [price], { meters: true })).map(priceToWire)[0]);
}

async function listReply(prices: PriceService, ctx: RequestContext, page: Page<Price>, expand: ReadonlySet<string>): Promise<Reply> {
  const items = await prices.views(ctx, page.items, { meters: expand.has('meters') || expand.has('meter'), plan: expand.has('plan') });
  return ok(pageReply({ ...page, items }, priceToWire));
}
