import * as z from 'zod';
import { listOptions, parseExpand } from '#kernel/pagination.ts';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import {
  CloneFeatureRequest,
  CreateFeatureRequest,
  FEATURE_EXPAND,
  FeatureListQuery,
  FeatureResponse,
  FeatureSearchRequest,
  ListFeaturesResponse,
  UpdateFeatureRequest,
} from '../contracts/feature.ts';
import type { FeatureService } from '../service/feature.ts';
import { featureToWire } from './to-wire.ts';

const tag = 'Features';
const byId = z.object({ id: z.string() });

export const featureRoutes = (features: FeatureService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/features',
    operationId: 'createFeature',
    tag,
    summary: 'Create a feature, and the meter of a metered one',
    permission: 'write:Feature',
    body: CreateFeatureRequest,
    responses: { 201: FeatureResponse },
    handler: async ({ ctx, body }) => created(featureToWire(await features.create(ctx, fromWire(body)))),
  }),
  route({
    method: 'GET',
    path: '/v1/features',
    operationId: 'listFeatures',
    tag,
    summary: 'List features',
    permission: 'authenticated',
    query: FeatureListQuery,
    responses: { 200: ListFeaturesResponse },
    handler: async ({ ctx, query }) => {
      parseExpand(query.expand, FEATURE_EXPAND);
      return ok(pageReply(await features.list(ctx, fromWire(query), listOptions(query)), featureToWire));
    },
  }),
  route({
    method: 'POST',
    path: '/v1/features/search',
    operationId: 'queryFeature',
    tag,
    summary: 'Search features',
    permission: 'authenticated',
    body: FeatureSearchRequest,
    responses: { 200: ListFeaturesResponse },
    handler: async ({ ctx, body }) => {
      parseExpand(body.expand, FEATURE_EXPAND);
      return ok(pageReply(await features.list(ctx, fromWire(body) as never, listOptions(body)), featureToWire));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/features/{id}',
    operationId: 'getFeature',
    tag,
    summary: 'Get a feature',
    permission: 'authenticated',
    params: byId,
    responses: { 200: FeatureResponse },
    handler: async ({ ctx, params }) => ok(featureToWire(await features.get(ctx, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/features/{id}',
    operationId: 'updateFeature',
    tag,
    summary: 'Update a feature',
    permission: 'write:Feature',
    params: byId,
    body: UpdateFeatureRequest,
    responses: { 200: FeatureResponse },
    handler: async ({ ctx, params, body }) => ok(featureToWire(await features.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'POST',
    path: '/v1/features/{id}/clone',
    operationId: 'cloneFeature',
    tag,
    summary: 'Make another feature like this one, with a meter of its own',
    permission: 'write:Feature',
    params: byId,
    body: CloneFeatureRequest,
    responses: { 201: FeatureResponse },
    handler: async ({ ctx, params, body }) => created(featureToWire(await features.clone(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'DELETE',
    path: '/v1/features/{id}',
    operationId: 'deleteFeature',
    tag,
    summary: 'Delete a feature',
    permission: 'write:Feature',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await features.delete(ctx, params.id);
      return ok({ message: 'feature deleted successfully' });
    },
  }),
];
