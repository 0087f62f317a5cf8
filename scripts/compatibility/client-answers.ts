import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnswerShape, answerKey, type ClientAnswers } from '#platform/http/published-client/complete.ts';

/** What is read of a zod schema: the definition that every schema carries. */
interface Schema {
  readonly _zod: {
    readonly def: {
      readonly type: string;
      readonly in?: Schema;
      readonly innerType?: Schema;
      readonly getter?: () => Schema;
      readonly options?: readonly Schema[];
      readonly element?: Schema;
      readonly valueType?: Schema;
      readonly shape?: Readonly<Record<string, Schema>>;
    };
  };
}

/** Schemas that have no fields of their own. */
const PLAIN = ['string', 'number', 'int', 'boolean', 'undefined', 'null', 'literal', 'enum', 'any', 'unknown', 'transform', 'custom'];
const INBOUND = '$inboundSchema';
/** Names that the client adds to an error before it reads it. */
const OF_THE_CLIENT = /\$$/;

/** What the installed `@flexprice/sdk` expects of each operation's answer, read off its own schemas. Throws where it meets a construct that it does not know. */
export async function clientAnswers(): Promise<ClientAnswers> {
  const models = (await import('@flexprice/sdk/sdk/models')) as unknown as Readonly<Record<string, unknown>>;
  const names = new Map(
    Object.entries(models)
      .filter(([name]) => name.endsWith(INBOUND))
      .map(([name, schema]) => [schema, name.slice(0, -INBOUND.length)]),
  );
  const schemas: Record<string, Record<string, AnswerShape>> = {};

  const objectOf = (schema: Schema, name: string): AnswerShape => {
    if (schemas[name] === undefined) {
      const fields: Record<string, AnswerShape> = {};
      schemas[name] = fields;
      for (const [field, inner] of Object.entries(schema._zod.def.shape ?? {}))
        if (!OF_THE_CLIENT.test(field)) fields[field] = shapeOf(inner, `${name}.${field}`);
    }
    return name;
  };
  const shapeOf = (schema: Schema | undefined, place: string): AnswerShape => {
    if (schema === undefined) throw new Error(`${place}: a schema lacks the part that was looked for`);
    const { def } = schema._zod;
    // The published name belongs to the schema that turns names to camel case; the object lies inside of it.
    const name = names.get(schema) ?? place;
    switch (def.type) {
      case 'pipe':
        return def.in?._zod.def.type === 'object' ? objectOf(def.in, name) : shapeOf(def.in, place);
      case 'object':
        return objectOf(schema, name);
      case 'optional':
      case 'nullable':
        return shapeOf(def.innerType, place);
      case 'lazy':
        return shapeOf(def.getter?.(), place);
      case 'union': {
        const shapes = (def.options ?? []).map((option) => shapeOf(option, place)).filter((shape) => shape !== null);
        if (shapes.length > 1) throw new Error(`${place}: a union of several shapes`);
        return shapes[0] ?? null;
      }
      case 'array': {
        const inner = shapeOf(def.element, place);
        return inner === null ? null : [inner];
      }
      case 'record': {
        const inner = shapeOf(def.valueType, place);
        return inner === null ? null : { '*': inner };
      }
      default:
        if (!PLAIN.includes(def.type)) throw new Error(`${place}: the schema ${def.type} is not known`);
        return null;
    }
  };
  const published = (name: string): AnswerShape => shapeOf(models[`${name}${INBOUND}`] as Schema | undefined, name);

  const answers: Record<string, AnswerShape> = {};
  for (const { operation, source } of clientFunctions()) {
    const [, list, name] = /M\.json\(\d+, (z\.array\()?models\.(\w+)\$inboundSchema/.exec(source) ?? [];
    if (name !== undefined) answers[operation] = list === undefined ? published(name) : [published(name)];
  }
  return { answers, error: published('ErrorsErrorsErrorResponse'), schemas };
}

/** What the client calls each operation, e.g. `features.createFeature`, by its `answerKey`. */
export function clientMethods(): Map<string, string> {
  return new Map(
    clientFunctions().map(({ operation, source }) => {
      const [, name = ''] = /export function (\w+)\(client/.exec(source) ?? [];
      const [, method = ''] = /operationID: "([^"]+)"/.exec(source) ?? [];
      return [operation, `${name.slice(0, name.length - method.length)}.${method}`];
    }),
  );
}

/** The client's own code for each operation. */
function clientFunctions(): { readonly operation: string; readonly source: string }[] {
  const folder = join(dirname(fileURLToPath(import.meta.resolve('@flexprice/sdk'))), 'funcs');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .sort()
    .map((file) => {
      const source = readFileSync(join(folder, file), 'utf8');
      const [, path = ''] = /pathToFunc\("([^"]+)"\)/.exec(source) ?? [];
      const [, method = ''] = /method: "([A-Z]+)"/.exec(source) ?? [];
      return { operation: answerKey(method, `/v1${path}`), source };
    });
}
