import type { HttpRequest } from '../request.ts';

/** What a value of an answer is to the client: a schema by its name, a list of something, a map of something, or nothing that has fields of its own. */
export type AnswerShape = string | readonly [AnswerShape] | { readonly '*': AnswerShape } | null;

export interface ClientAnswers {
  /** The body of each operation's success, by its `answerKey`. */
  readonly answers: Readonly<Record<string, AnswerShape>>;
  /** The body of 400, 404 and 500. */
  readonly error: AnswerShape;
  readonly schemas: Readonly<Record<string, Readonly<Record<string, AnswerShape>>>>;
}

/** As `@flexprice/sdk` names itself: `speakeasy-sdk/typescript 2.0.1 2.845.12 1.0 @flexprice/sdk`. */
const USER_AGENT = /^speakeasy-sdk\/typescript .*@flexprice\/sdk$/;

/** Whether the published TypeScript client asks. */
export function isPublishedClient(headers: HttpRequest['headers']): boolean {
  return USER_AGENT.test(headers['user-agent'] ?? '');
}

/** An operation by its method and path. The client's names for operations and parameters are of another release than ours. */
export function answerKey(method: string, path: string): string {
  return `${method} ${path.replace(/\{\w+\}/g, '{}')}`;
}

/** A Lambda function answers with 6 MB at most: what would grow beyond it is better sent with its gaps, which an older zod takes. */
const MAX_COMPLETED_BYTES = 5.5 * 1024 * 1024;

let loaded: Promise<ClientAnswers> | undefined;

/**
 * The JSON body of an answer with a null for every field that the published TypeScript client knows and the answer leaves out.
 * Its 2.0.1 takes null for absent; of a field that is not there it says "expected nonoptional" as soon as npm gives it a zod from 4.4 on.
 * `operation` undefined: an error of none.
 */
export async function completeForClient(operation: string | undefined, status: number, body: string): Promise<string> {
  if (body === '') return body;
  loaded ??= import('./answers.generated.json', { with: { type: 'json' } }).then(
    ({ default: answers }) => answers as unknown as ClientAnswers,
  );
  const client = await loaded;
  const shape = status >= 400 ? client.error : operation === undefined ? null : (client.answers[operation] ?? null);
  if (shape === null) return body;
  // The client reads numbers as doubles, so nothing is lost by reading them so here.
  const whole = JSON.stringify(completed(JSON.parse(body), shape, client.schemas));
  return Buffer.byteLength(whole) > MAX_COMPLETED_BYTES ? body : whole;
}

/** A value of parsed JSON with its gaps filled, in place. */
export function completed(value: unknown, shape: AnswerShape, schemas: ClientAnswers['schemas']): unknown {
  if (shape === null || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Array.isArray(shape) ? value.map((item) => completed(item, shape[0] as AnswerShape, schemas)) : value;
  if (Array.isArray(shape)) return value;
  const fields = value as Record<string, unknown>;
  if (typeof shape === 'object') {
    const inner = (shape as { readonly '*': AnswerShape })['*'];
    for (const [name, field] of Object.entries(fields)) fields[name] = completed(field, inner, schemas);
    return fields;
  }
  for (const [name, inner] of Object.entries(schemas[shape] ?? {}))
    fields[name] = Object.hasOwn(fields, name) ? completed(fields[name], inner, schemas) : null;
  return fields;
}
