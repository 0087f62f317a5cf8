import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactJson } from '#kernel/json.ts';
import { cases } from '#test/support/conformance.ts';
import type { Properties } from './properties.ts';
import { RAW_TRANSFORMS, type RawEvent, type RawRefusal } from './raw-transform.ts';

const BASE = { id: 'e1', orgId: 'o1', methodName: 'chat', providerName: 'p', createdAt: '2026-03-01T00:00:00Z' };
/** An item as a request brings it: through the JSON reader that keeps digits. */
const transform = (json: string): { event?: RawEvent; refused?: RawRefusal } => made(parseExactJson(json) as Properties);
const made = (item: Properties): { event?: RawEvent; refused?: RawRefusal } => RAW_TRANSFORMS.provider_call(item);
const propertiesOf = (data: string): RawEvent['properties'] | undefined =>
  transform(`${JSON.stringify(BASE).slice(0, -1)},"data":${data}}`).event?.properties;

test.each(cases<Properties, RawEvent>('raw-events.json', 'events'))('$id', ({ given, expected }) => {
  expect(transform(JSON.stringify(given))).toEqual({ event: expected });
});

test.each(cases<Properties, string>('raw-events.json', 'dropped'))('$id: $expected is missing', ({ given, expected }) => {
  expect(transform(JSON.stringify(given))).toEqual({ refused: { field: expected, reason: 'is required' } });
});

describe('values become text', () => {
  test.each([
    ['12345678901234567890', '12345678901234567890'],
    ['1.50', '1.5'],
    ['1e21', '1000000000000000000000'],
    ['1e-7', '0.0000001'],
    ['-0', '0'],
    ['"1.50"', '1.50'],
    ['""', ''],
    ['false', 'false'],
    ['{"value":5,"unit":"ms"}', '5'],
    ['{"value":{"value":5}}', '{"value":5}'],
    ['{"value":[1e21]}', '["1000000000000000000000"]'],
    ['{"other":1}', '{"other":1}'],
    ['[]', '[]'],
    ['null', undefined],
    ['{"value":null}', undefined],
  ])('%s is %j', (json, expected) => {
    expect(propertiesOf(`{"v":${json}}`)?.v).toBe(expected);
  });

  test('keys that are special in JavaScript are keys like others', () => {
    expect(JSON.stringify(propertiesOf('{"__proto__":{"value":1},"constructor":2}'))).toBe(
      '{"__proto__":"1","constructor":"2","billablePromptTokens":"0"}',
    );
    expect(transform('{"__proto__":{"orgId":"o1"},"id":"1"}').refused?.field).toBe('orgId');
    expect(transform(JSON.stringify({ ...BASE, methodName: 'constructor' })).event?.event_name).toBe('p-constructor');
  });

  test('figures beside data are read where data has none, and what is derived wins', () => {
    const { event } = transform(
      JSON.stringify({
        ...BASE,
        modelName: 'outside',
        promptTokens: 9,
        durationMS: 4,
        data: { promptTokens: 5, billable_value: 'x', billable_unit: 'y', billablePromptTokens: 'z' },
      }),
    );
    expect(event).toMatchObject({
      event_name: 'p-chat-outside',
      properties: { promptTokens: '5', billablePromptTokens: '5', billable_value: '4', billable_unit: 'milliseconds' },
    });
  });

  test('ids may be numbers, and keep their digits', () => {
    expect(
      transform(`{"id":12345678901234567890,"orgId":7,"methodName":"m","serviceName":"s","createdAt":"t","targetItemId":0}`).event,
    ).toMatchObject({ event_id: '12345678901234567890', external_customer_id: '7', source: '0' });
  });

  test('what is nested too deep ends nothing but its item', () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    expect(transform(`${JSON.stringify(BASE).slice(0, -1)},"data":{"v":${deep}}}`).refused?.field).toBe('data');
    expect(transform(`${JSON.stringify(BASE).slice(0, -1)},"modelName":${deep}}`).event?.event_name).toBe('p-chat');
  });
});

test('billable amounts have all their digits', () => {
  const [units, channels] = ['123456789012345678901234567890'.slice(0, 29), '0.123456789012345678901234567890123456'];
  expect(
    propertiesOf(`{"numCharacters":${units},"channels":${channels},"promptTokens":${units},"cachedPromptTokens":${channels}}`),
  ).toMatchObject({
    billable_value: text(BigInt(units) * BigInt(channels.slice(2)), 36),
    billablePromptTokens: text(BigInt(units) * 10n ** 36n - BigInt(channels.slice(2)), 36),
  });
});

// An oracle that shares nothing with the transform: whole numbers of 10^-36, and names put together letter by letter.

/** A value as 10^-36ths, cut off; null for what is no number of less than 10^30. */
function scaled(value: unknown): bigint | null {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^[ \t-\r]*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,4}))?[ \t-\r]*$/.exec(String(value)) ?? [];
  if (sign === undefined || `${whole}${fraction}` === '' || (typeof value !== 'string' && typeof value !== 'number')) return null;
  const shift = 36 + Number(exponent) - fraction.length;
  const size = shift >= 0 ? BigInt(`${whole}${fraction}`) * 10n ** BigInt(shift) : BigInt(`${whole}${fraction}`) / 10n ** BigInt(-shift);
  return size >= 10n ** 66n ? null : sign === '-' ? -size : size;
}

function text(value: bigint, places: number): string {
  const figures = String(value < 0n ? -value : value).padStart(places + 1, '0');
  const fraction = figures.slice(-places).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${figures.slice(0, -places)}${fraction === '' ? '' : `.${fraction}`}`;
}

interface Sent {
  readonly provider: string | undefined;
  readonly service: string | undefined;
  readonly method: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

function expected({ provider, service, method, figures }: Sent): { name: string; derived: Record<string, string | undefined> } | null {
  const vendor = [provider, service].find((name) => name !== undefined && /\S/.test(name));
  if (vendor === undefined || !/\S/.test(method)) return null;
  const name = [...vendor.trim()].map((letter) => letter.toLowerCase()).join('');
  const model = figures.modelName === undefined ? '' : String(figures.modelName).trim();
  const [characters, duration, channels] = [scaled(figures.numCharacters), scaled(figures.durationMS), scaled(figures.channels)];
  const units = characters === null ? duration : characters;
  const times = channels !== null && channels > 0n ? channels : 10n ** 36n;
  return {
    name: `${name}-${method.trim() === 'BEDROCK_LLM' ? 'modeling' : method.trim()}${model === '' ? '' : `-${model}`}`,
    derived: {
      billablePromptTokens: text((scaled(figures.promptTokens) ?? 0n) - (scaled(figures.cachedPromptTokens) ?? 0n), 36),
      billable_value: units === null ? undefined : text(units * times, 72),
      billable_unit: units === null ? undefined : characters === null ? 'milliseconds' : 'characters',
    },
  };
}

const figure = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string(),
  fc
    .tuple(fc.constantFrom('', '-', '+'), fc.bigInt(0n, 10n ** 33n), fc.bigInt(0n, 10n ** 40n))
    .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}`),
  fc.constantFrom('', ' 5', '5.', '.5', '1e3', '-1E-3', '1e30', '0x10', 'NaN', '-0', '1e9999'),
);
const FIGURES = ['promptTokens', 'cachedPromptTokens', 'numCharacters', 'durationMS', 'channels'] as const;
const name = fc.oneof(fc.constantFrom('BEDROCK_LLM', ' OpenAI ', '', '  ', 'chat'), fc.string({ unit: 'grapheme-ascii' }));
const sent: fc.Arbitrary<Sent> = fc.record({
  provider: fc.option(name, { nil: undefined }),
  service: fc.option(name, { nil: undefined }),
  method: name,
  figures: fc.record({ ...Object.fromEntries(FIGURES.map((key) => [key, figure])), modelName: name }, { requiredKeys: [] }),
});

test('names and amounts are those of slow arithmetic over whole numbers, wrapped or not, in data or beside it', () => {
  fc.assert(
    fc.property(sent, fc.boolean(), fc.boolean(), (item, wrapped, beside) => {
      const figures = Object.fromEntries(Object.entries(item.figures).map(([key, value]) => [key, wrapped ? { value } : value]));
      const { event } = made({
        ...BASE,
        providerName: item.provider,
        serviceName: item.service,
        methodName: item.method,
        ...(beside ? figures : { data: figures }),
      });
      const wanted = expected(item);
      if (wanted === null) {
        expect(event).toBeUndefined();
        return;
      }
      const { billablePromptTokens, billable_value, billable_unit } = event?.properties ?? {};
      expect({ name: event?.event_name, derived: { billablePromptTokens, billable_value, billable_unit } }).toEqual(wanted);
      expect(Object.values(event?.properties ?? {}).every((value) => typeof value === 'string')).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('any JSON object becomes an event or is refused, the same each time, and is not changed', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...Object.keys(BASE), 'serviceName', 'data', 'modelName', 'targetItemId', ...FIGURES), fc.jsonValue()),
      (item) => {
        const before = JSON.stringify(item);
        const first = made(item);
        expect(made(item)).toEqual(first);
        expect(JSON.stringify(item)).toBe(before);
      },
    ),
  );
});
