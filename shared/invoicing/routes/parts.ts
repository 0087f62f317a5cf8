import * as z from 'zod';
import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import { CommittedWindowResponse } from '../contracts/calculation.ts';
import {
  InvoiceLineItemResponse,
  InvoicePartsQuery,
  ListInvoiceLineBucketsResponse,
  ListInvoiceLineItemsResponse,
  ListInvoiceLineWindowsResponse,
} from '../contracts/line.ts';
import type { InvoiceService } from '../service/invoice.ts';

/** Where the parts of an invoice are mounted, and who answers: it finds only what whoever asks may see. */
interface PartRoutes {
  readonly tag: string;
  /** Ends with the id of the invoice. */
  readonly path: `${string}/{id}`;
  readonly permission: Route['permission'];
  /** Names the operations: `Invoice` gives `listInvoiceLineItems`. */
  readonly operation: string;
  readonly parts: Pick<InvoiceService, 'lines' | 'lineDetails'>;
}

const DETAILS = [
  {
    kind: 'buckets',
    name: 'LineBuckets',
    of: 'the buckets of the meter that were priced one by one',
    response: ListInvoiceLineBucketsResponse,
  },
  { kind: 'windows', name: 'LineWindows', of: 'the windows of the commitment', response: ListInvoiceLineWindowsResponse },
] as const;
const ofLine = byId.extend({ line_item_id: z.string() });

/** Lists of what an invoice is made of, for one that is too large to be answered whole. */
export function invoicePartRoutes({ tag, path, permission, operation, parts }: PartRoutes): Route[] {
  return [
    route({
      method: 'GET',
      path: `${path}/line_items`,
      operationId: `list${operation}LineItems`,
      tag,
      summary: 'Lines of an invoice, each with how it was calculated',
      permission,
      params: byId,
      query: InvoicePartsQuery,
      responses: { 200: ListInvoiceLineItemsResponse },
      handler: async ({ ctx, params, query }) =>
        ok(pageReply(await parts.lines(ctx, params.id, query), (line) => shaped(InvoiceLineItemResponse, line))),
    }),
    ...DETAILS.map(({ kind, name, of, response }) =>
      route({
        method: 'GET',
        path: `${path}/line_items/{line_item_id}/${kind}`,
        operationId: `list${operation}${name}`,
        tag,
        summary: `What a line was made from: ${of}`,
        permission,
        params: ofLine,
        query: InvoicePartsQuery,
        responses: { 200: response },
        handler: async ({ ctx, params, query }) => {
          const page = await parts.lineDetails(ctx, { id: params.id, lineId: params.line_item_id, kind }, query);
          return ok(pageReply(page, (entry) => (kind === 'buckets' ? { quantity: entry } : shaped(CommittedWindowResponse, entry))));
        },
      }),
    ),
  ];
}
