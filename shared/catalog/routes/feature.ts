import { created, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import { fromWire } from '#kernel/wire.ts';
import {
  CloneFeatureRequest,
  CreateFeatureRequest,
  FEATURE_EXPAND,
  FeatureList,
  FeatureResponse,
  ListFeaturesResponse,
  UpdateFeatureRequest,
} from '../contracts/feature.ts';
import type { FeatureService } from '../service/feature.ts';

const tag = 'Features';

export const featureRoutes = (features: FeatureService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/features',
    entity: 'Feature',
    response: FeatureResponse,
    create: {
      operationId: 'createFeature',
      summary: 'Create a feature, and the meter of a metered one',
      body: CreateFeatureRequest,
      run: features.create,
    },
    list: {
      listing: FeatureList,
      response: ListFeaturesResponse,
      expand: FEATURE_EXPAND,
      get: { operationId: 'listFeatures', summary: 'List features' },
      search: { operationId: 'queryFeature', summary: 'Search features' },
      run: features.list,
    },
    get: { operationId: 'getFeature', summary: 'Get a feature', run: features.get },
    update: { operationId: 'updateFeature', summary: 'Update a feature', body: UpdateFeatureRequest, run: features.update },
    delete: { operationId: 'deleteFeature', summary: 'Delete a feature', message: 'feature deleted successfully', run: features.delete },
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
    handler: async ({ ctx, params, body }) => created(shaped(FeatureResponse, await features.clone(ctx, params.id, fromWire(body)))),
  }),
];
