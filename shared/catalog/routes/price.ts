import * as z from 'zod';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import {
  CreateBulkPriceRequest,
  CreateBulkPriceResponse,
  CreatePriceRequest,
  DeletePriceRequest,
  ListPricesResponse,
  PRICE_EXPAND,
  PriceList,
  PriceResponse,
  UpdatePriceRequest,
} from '../contracts/price.ts';
import type { PriceService } from '../service/price.ts';

const tag = 'Prices';

export const priceRoutes = (prices: PriceService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/prices',
    entity: 'Price',
    response: PriceResponse,
    create: { operationId: 'createPrice', summary: 'Create a price', body: CreatePriceRequest, run: prices.create },
    list: {
      listing: PriceList,
      response: ListPricesResponse,
      expand: PRICE_EXPAND,
      get: { operationId: 'listPrices', summary: 'List prices' },
      search: { operationId: 'queryPrice', summary: 'Search prices' },
      run: async (ctx, request, expand, { allow_expired_prices: withEnded }) => {
        const page = await prices.list(ctx, request, withEnded === true);
        const shown = { meters: expand.has('meters') || expand.has('meter'), plan: expand.has('plan') };
        return { ...page, items: await prices.views(ctx, page.items, shown) };
      },
    },
    get: { operationId: 'getPrice', summary: 'Get a price', run: prices.view },
    update: {
      operationId: 'updatePrice',
      summary: 'Change a price: what decides an amount makes a successor',
      body: UpdatePriceRequest,
      run: prices.update,
    },
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
    handler: async ({ ctx, body }) =>
      created(shaped(CreateBulkPriceResponse, { items: await prices.createMany(ctx, fromWire(body.items)) })),
  }),
  route({
    method: 'GET',
    path: '/v1/prices/lookup/{lookup_key}',
    operationId: 'getPriceByLookupKey',
    tag,
    summary: 'Get the price that is in force under a lookup key',
    permission: 'read:Price',
    params: z.object({ lookup_key: z.string() }),
    responses: { 200: PriceResponse },
    handler: async ({ ctx, params }) => ok(shaped(PriceResponse, await prices.viewByLookupKey(ctx, params.lookup_key))),
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
