import { expect, test } from 'vitest';
import * as z from 'zod';
import { metadataInput, requiredText } from '#kernel/wire.ts';
import { reasonOf } from './reason.ts';

const reasonFor = (schema: z.ZodType, value: unknown): string => {
  const issue = schema.safeParse(value, { reportInput: true }).error?.issues[0];
  return issue ? reasonOf(issue) : 'accepted';
};

test.each([
  [z.object({ a: z.string() }), {}, 'is required'],
  [z.string(), 5, 'must be text'],
  [z.number(), 'x', 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.boolean(), 1, 'must be true or false'],
  [z.array(z.string()), {}, 'must be a list'],
  [z.object({}), [], 'must be an object'],
  [z.enum(['COUNT', 'SUM']), 'count', 'must be one of COUNT, SUM'],
  [z.literal('RECURRING'), 'x', 'must be RECURRING'],
  [z.array(z.string()).min(1), [], 'must have at least 1 item'],
  [z.array(z.string()).max(2), ['a', 'b', 'c'], 'must have at most 2 items'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().max(2), 'abc', 'must have at most 2 characters'],
  [z.number().min(1), 0, 'must be at least 1'],
  [z.number().gt(0), 0, 'must be greater than 0'],
  [metadataInput, 5, 'must be a map of strings'],
  [requiredText, ' ', 'must not be empty'],
])('case %#', (schema, value, expected) => {
  expect(reasonFor(schema, value)).toBe(expected);
});
