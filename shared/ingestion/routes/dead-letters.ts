import * as z from 'zod';
import { invalid } from '#kernel/errors.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import {
  DeadLetterContentResponse,
  DeadLetterQuery,
  ListDeadLettersResponse,
  REDRIVE_PAGE,
  RedriveDeadLettersRequest,
  RedriveDeadLettersResponse,
} from '../contracts/dead-letter.ts';
import type { LetterPositions } from '../service/dead-letter-walk.ts';
import type { DeadLetterService, RedriveResult } from '../service/dead-letters.ts';
import { letterContentToWire, letterToWire } from './dead-letter-wire.ts';

const tag = 'Events';

/** Beyond the compatible API: a tenant sees what of its events could not be stored, and has it tried again. */
export const deadLetterRoutes = (letters: DeadLetterService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/events/dead-letters',
    operationId: 'listDeadLetters',
    tag,
    permission: 'read:Event',
    summary: 'List events that could not be stored, oldest first, with the reason (an extension of the FlexPrice API)',
    query: DeadLetterQuery,
    responses: { 200: ListDeadLettersResponse },
    handler: async ({ ctx, query }) => {
      const { letters: items, next } = await letters
        .ofTenant(ctx)
        .list({ status: query.status, reason: query.reason || null, limit: query.limit, from: cursorOf(query.cursor).from });
      return ok({ items: items.map(letterToWire), has_more: next !== null, ...nextCursor(next) });
    },
  }),
  route({
    method: 'GET',
    path: '/v1/events/dead-letters/{id}',
    operationId: 'getDeadLetter',
    tag,
    permission: 'read:Event',
    summary: 'Show an event that could not be stored as it was sent (an extension of the FlexPrice API)',
    params: z.object({ id: z.string() }),
    responses: { 200: DeadLetterContentResponse },
    handler: async ({ ctx, params }) => ok(letterContentToWire(await letters.ofTenant(ctx).get(params.id))),
  }),
  route({
    method: 'POST',
    path: '/v1/events/dead-letters/redrive',
    operationId: 'redriveDeadLetters',
    tag,
    permission: 'write:Event',
    summary:
      'Try to store events again, by their ids or all of a reason; one that was stored after all counts once (an extension of the FlexPrice API)',
    body: RedriveDeadLettersRequest,
    responses: { 200: RedriveDeadLettersResponse },
    handler: async ({ ctx, body }) => {
      const desk = letters.ofTenant(ctx);
      if (body.ids !== undefined) return ok(redriveToWire(await desk.redrive(body.ids)));
      const { from, until = await desk.ends() } = cursorOf(body.cursor);
      const page = await desk.list({ status: 'all', reason: body.reason ?? null, limit: REDRIVE_PAGE, from, until });
      return ok({ ...redriveToWire(await desk.redriveLetters(page.letters)), ...nextCursor(page.next, until) });
    },
  }),
];

function redriveToWire({ redriven, already }: RedriveResult): Record<string, unknown> {
  return { message: messageOf(redriven.length, already.length), redriven: redriven.length, already_redriven: already.length };
}

function messageOf(redriven: number, already: number): string {
  if (redriven === 0) return already === 0 ? 'There is nothing to drive again' : 'All of them were driven again before';
  return already === 0 ? 'Events are driven again' : 'Events are driven again, but for those that were before';
}

/** Where to go on and, for a redrive, where it ends: letters that fail once more lie behind that and are not driven in circles. */
function nextCursor(next: LetterPositions | null, until: LetterPositions = new Map()): { next_cursor?: string } {
  return next === null
    ? {}
    : {
        next_cursor: Buffer.from(
          [next, until].map((positions) => [...positions].map(([part, offset]) => `${part}=${offset}`).join()).join(';'),
        ).toString('base64url'),
      };
}

function cursorOf(cursor: string | null | undefined): { from: LetterPositions; until?: LetterPositions } {
  if (!cursor) return { from: new Map() };
  const [from = '', until = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(';');
  return { from: positionsOf(from), ...(until === '' ? {} : { until: positionsOf(until) }) };
}

function positionsOf(text: string): LetterPositions {
  return new Map(
    text.split(',').map((part) => {
      const match = /^([a-z_.]{1,64}:\d{1,9})=(\d{1,18})$/.exec(part);
      if (match === null) throw invalid('cursor', 'is not one that was given out');
      return [match[1] ?? '', BigInt(match[2] ?? '0')];
    }),
  );
}
