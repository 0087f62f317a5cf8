import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';

// Any patch of any entity: it changes what it names and nothing else, and one with a mistake in it changes nothing at all.

type Fields = Readonly<Record<string, fc.Arbitrary<unknown>>>;
interface Patched {
  readonly create: object;
  readonly fields: Fields;
  /** What an answer to a reading is wrapped in. */
  readonly inside?: string;
}

const required = fc.constantFrom('A name', 'Ünïcode 名', '0', 'null', '  spaces  ', '__proto__');
const optional = fc.oneof(fc.constantFrom('text', '<b>', '🧾', 'constructor'), fc.constantFrom(null, ''));
const map = fc.oneof(
  fc.constant(null),
  fc.dictionary(fc.constantFrom('a', 'b', 'toString', 'constructor', 'ключ'), fc.constantFrom('', '1', 'zwei'), { maxKeys: 3 }),
);
const DESCRIBED = { name: required, description: optional, metadata: map } satisfies Fields;

const ENTITIES: Readonly<Record<string, Patched>> = {
  '/v1/customers': {
    create: { external_id: 'patched', name: 'Patched' },
    fields: {
      name: required,
      email: fc.constantFrom('a@example.com', null, ''),
      contact: optional,
      address_line1: optional,
      address_city: optional,
      timezone: fc.constantFrom('Asia/Tokyo', 'Europe/Berlin'),
      metadata: map,
    },
  },
  '/v1/plans': {
    create: { name: 'Patched' },
    fields: { ...DESCRIBED, lookup_key: optional, display_order: fc.constantFrom(0, -1, 7, null) },
  },
  '/v1/features': { create: { name: 'Patched', type: 'boolean' }, fields: DESCRIBED },
  '/v1/costs': { create: { name: 'Patched' }, fields: { ...DESCRIBED, lookup_key: optional }, inside: 'costsheet' },
};
/** Mistakes in fields that all of them have, and in none that they have. */
const MISTAKES: readonly (readonly [string, unknown])[] = [
  ['name', ''],
  ['name', '   '],
  ['name', 5],
  ['name', 'a\u0000b'],
  ['name', 'x'.repeat(3000)],
  ['metadata', 'text'],
  ['metadata', ['a']],
  ['metadata', { a: 1 }],
  ['metadata', { a: { b: 'c' } }],
  ['metadata', Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, '']))],
  ['nmae', 'x'],
  ['status', 'archived'],
  ['tenant_id', 'somebody else'],
  ['constructor', {}],
];

let now = DateTime.utc(2026, 3, 1);
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock: { now: () => now } });
});
afterAll(() => api.close());

const patchesOf = (fields: Fields) => fc.record(fields, { requiredKeys: [] });

test.each(Object.entries(ENTITIES))(
  '%s',
  async (path, { create, fields, inside }) => {
    const made = await api.request('POST', path, create);
    expect(made.status, made.text).toBe(201);
    const id = (inside ? (made.body[inside] ?? made.body) : made.body).id;
    const read = async () => {
      const answer = await api.request('GET', `${path}/${id}`);
      expect(answer.status, answer.text).toBe(200);
      return inside ? (answer.body[inside] ?? answer.body) : answer.body;
    };

    await fc.assert(
      fc.asyncProperty(patchesOf(fields), async (patch) => {
        const before = await read();
        now = now.plus({ seconds: 1 });
        const answer = await api.request('PUT', `${path}/${id}`, patch);
        expect(answer.status, answer.text).toBe(200);
        const expected = { ...before };
        for (const [field, value] of Object.entries(patch)) {
          if (field === 'metadata') expected[field] = value ?? {};
          else if (value === null || value === '') delete expected[field];
          else expected[field] = value;
        }
        const { updated_at: _, ...after } = await read();
        const { updated_at: __, ...rest } = expected;
        expect(after).toEqual(rest);
      }),
      { numRuns: 60 },
    );

    await fc.assert(
      fc.asyncProperty(patchesOf(fields), fc.constantFrom(...MISTAKES), async (patch, [field, value]) => {
        const before = await read();
        now = now.plus({ seconds: 1 });
        const answer = await api.request('PUT', `${path}/${id}`, { ...patch, [field]: value });
        expect(answer.status, answer.text).toBe(400);
        expect(answer.body.details.field).toMatch(new RegExp(`^${field}`));
        expect(await read()).toEqual(before);
      }),
      { numRuns: 60 },
    );
  },
  120_000,
);
