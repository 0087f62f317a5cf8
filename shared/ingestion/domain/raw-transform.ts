import { Decimal } from '#kernel/decimal.ts';
import { isProperties, type Properties, propertiesProblem, quantityOf, storedProperties } from './properties.ts';

/** What a transform makes of a raw item: an event as a caller of the ordinary routes would have written it, not validated yet. */
export interface RawEvent {
  readonly event_name: string;
  readonly external_customer_id: string;
  readonly event_id: string;
  readonly timestamp: string;
  readonly source?: string;
  readonly properties: Readonly<Record<string, string>>;
}
/** Why an item is no event: the field of the item as it was sent, never its content. */
export interface RawRefusal {
  readonly field: string;
  readonly reason: string;
}

/** Turns an item of a vendor's shape into an event, or says what it lacks. Pure: the same item always becomes the same event, so that sending it again changes nothing. */
export type RawTransform = (item: Properties) => { readonly event: RawEvent } | { readonly refused: RawRefusal };

/** The shapes that are known, by name. A further vendor is a further entry. */
export const RAW_TRANSFORMS = { provider_call: providerCall } as const satisfies Readonly<Record<string, RawTransform>>;
export type RawTransformName = keyof typeof RAW_TRANSFORMS;

/** Methods whose events have another name than the method's. */
const METHOD_NAMES: Readonly<Record<string, string>> = { BEDROCK_LLM: 'modeling' };

/** Products of two quantities (66 digits each at most) have all their digits. */
const Exact = Decimal.clone({ precision: 140 });

/** A call of a model at a provider (metering.md section 14). Where that text is silent, each choice is noted below. */
function providerCall(item: Properties): ReturnType<RawTransform> {
  const lacks = (field: string) => ({ refused: { field, reason: 'is required' } });
  const [orgId, id, createdAt] = ['orgId', 'id', 'createdAt'].map((key) => nameText(item[key]));
  const method = nameText(item.methodName)?.trim();
  // A provider that is blank is none.
  const provider = (nameText(item.providerName) ?? nameText(item.serviceName))?.trim().toLowerCase();
  if (orgId === undefined) return lacks('orgId');
  if (method === undefined) return lacks('methodName');
  if (id === undefined) return lacks('id');
  if (createdAt === undefined) return lacks('createdAt');
  if (provider === undefined) return lacks('providerName');

  // Without data there is an event all the same: a meter may count calls.
  const data = isProperties(item.data) ? item.data : {};
  const problem = propertiesProblem(data);
  if (problem !== null) return { refused: { field: 'data', reason: problem } };
  const properties = flattened(data);
  /** The figures of a call are looked for in `data`, then beside it: the reference does not say where they stand. */
  const read = (key: string): string | undefined => properties.get(key) ?? valueText(item[key]);

  // The method and the model keep their case: only the provider is said to be lower case. No model, no suffix.
  const model = read('modelName')?.trim();
  const name = [
    provider,
    (Object.hasOwn(METHOD_NAMES, method) ? METHOD_NAMES[method] : undefined) ?? method,
    ...(model ? [model] : []),
  ].join('-');
  const source = nameText(item.targetItemId);
  return {
    event: {
      event_name: name,
      external_customer_id: orgId,
      event_id: id,
      timestamp: createdAt,
      ...(source === undefined ? {} : { source }),
      // What is derived wins over a value of that name in `data`.
      properties: Object.fromEntries([...properties, ...derived(read)]),
    },
  };
}

/** Numbers are what a meter would count of them: text of a decimal is one, 10^30 and more is none. */
function derived(read: (key: string) => string | undefined): [string, string][] {
  const number = (key: string): Decimal | null => quantityOf(read(key) ?? null);
  const tokens = (number('promptTokens') ?? new Decimal(0)).minus(number('cachedPromptTokens') ?? 0);
  const found: [string, string][] = [['billablePromptTokens', digits(tokens)]];
  const characters = number('numCharacters');
  // Zero characters are a number, too: the duration counts only where no number of characters is given.
  const units = characters ?? number('durationMS');
  if (units === null) return found;
  const channels = number('channels');
  const value = channels?.gt(0) === true ? new Exact(units).times(channels) : units;
  return [...found, ['billable_value', digits(value)], ['billable_unit', characters === null ? 'milliseconds' : 'characters']];
}

/** First-level members of `data` as text. A map, since `__proto__` is a key like others. */
function flattened(data: Properties): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(data)) {
    const text = valueText(value);
    if (text !== undefined) texts.set(key, text);
  }
  return texts;
}

/**
 * Text of a value; `{value: x}` is x, whatever stands beside `value` (a unit, a type). Null and absent values have no text, so no property comes of them.
 * Other objects and lists are their JSON text, as a filter would compare them: deeper levels cannot be metered anyway.
 */
function valueText(value: unknown): string | undefined {
  const inner = isProperties(value) && Object.hasOwn(value, 'value') ? value.value : value;
  if (inner === null || inner === undefined) return undefined;
  if (typeof inner === 'string') return inner;
  if (typeof inner === 'number') return digits(new Decimal(inner));
  if (typeof inner === 'boolean') return String(inner);
  // A figure beside `data` may be an object of any depth, which could not be printed.
  return propertiesProblem({ inner }) === null ? storedProperties(inner as Properties) : undefined;
}

/** A name or an id: text that says something, or a number, which many systems have for ids. */
function nameText(value: unknown): string | undefined {
  if (typeof value === 'number') return digits(new Decimal(value));
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function digits(value: Decimal): string {
  return value.isZero() ? '0' : value.toFixed();
}
