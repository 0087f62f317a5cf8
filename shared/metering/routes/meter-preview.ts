import { fromWire, toWire } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { PreviewMeterRequest, PreviewMeterResponse } from '../contracts/meter-preview.ts';
import type { MeterPreviewService } from '../service/preview.ts';

/** Takes the service when it is asked for: meters can be kept where no usage is read. */
export const meterPreviewRoutes = (previews: () => MeterPreviewService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/meters/preview',
    operationId: 'previewMeter',
    tag: 'Meters',
    permission: 'read:Meter',
    summary: 'What a new or changed meter would measure, without making it',
    body: PreviewMeterRequest,
    foreignKeys: { ignored: { name: 'a request that would create the meter can be sent as it is, and its name changes no number' } },
    responses: { 200: PreviewMeterResponse },
    handler: async ({ ctx, body }) => {
      const { before, ...preview } = await previews().preview(ctx, fromWire(body));
      return ok({ ...(toWire(preview) as object), before: toWire(before) ?? null });
    },
  }),
];
