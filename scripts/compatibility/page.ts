import { answerKey } from '#platform/http/published-client/complete.ts';
import type { Route } from '#platform/http/route.ts';
import type { KnownOperation } from './surface.ts';

/** The page docs/compatibility.md. `methods`: what the TypeScript client calls an operation, by its `answerKey`. */
export function compatibilityPage(
  known: readonly KnownOperation[],
  routes: readonly Route[],
  methods: ReadonlyMap<string, string>,
): string {
  const served = new Set(routes.map(({ method, path }) => answerKey(method, path)));
  const isServed = ({ method, path }: KnownOperation): boolean => served.has(answerKey(method, path));
  const knownKeys = new Set(known.map(({ method, path }) => answerKey(method, path)));
  const own = routes.filter(({ method, path }) => !knownKeys.has(answerKey(method, path)));
  const ofClient = known.filter(({ method, path }) => methods.has(answerKey(method, path)));
  const areas = [...Map.groupBy(known, ({ tag }) => tag)].sort(([a], [b]) => (a < b ? -1 : 1));

  return `${[
    '# What of FlexPrice is there',
    'Written by `npm run compatibility`: do not edit. It compares the operations that clients of FlexPrice know with the routes of this version.',
    `**${known.filter(isServed).length} of ${known.length} operations are there**; of the ${ofClient.length} that the published TypeScript client (\`@flexprice/sdk\` 2.0.1) has, ${ofClient.filter(isServed).length}. What is there answers as FlexPrice does: ` +
      'paths, fields, types, success codes and errors. Where it goes further, it adds fields or operations.',
    'A request for one that is not there is answered with 404 and `"message": "<operation> is not part of this version"`; a path that nobody knows, with the text `404 page not found`.',
    table(
      ['area', 'there', 'of'],
      areas.map(([tag, of]) => [`[${tag}](#${anchor(tag)})`, String(of.filter(isServed).length), String(of.length)]),
    ),
    ...areas.flatMap(([tag, of]) => [
      `## ${tag}`,
      table(
        ['operation', 'in the TypeScript client', 'here'],
        [...of].sort(byPath).map((operation) => {
          const method = methods.get(answerKey(operation.method, operation.path));
          return [
            code(`${operation.method} ${operation.path}`),
            method === undefined ? '' : code(method),
            isServed(operation) ? 'yes' : 'no',
          ];
        }),
      ),
    ]),
    '## Beyond FlexPrice',
    'Operations that FlexPrice does not have.',
    table(
      ['operation', 'what it does'],
      [...own].sort(byPath).map(({ method, path, summary }) => [code(`${method} ${path}`), summary.replaceAll('|', '\\|')]),
    ),
    '## Keys of requests',
    'A key of a body or a query that an operation does not know is refused with 400 and its name; a sender of events gets their names in `X-Ignored-Fields`. ' +
      "The keys below are no part of our schemas; most of them are of FlexPrice's.",
    table(
      ['operation', 'key', 'here'],
      [...routes]
        .sort(byPath)
        .flatMap(({ method, path, foreignKeys }) => [
          ...Object.entries(foreignKeys.ignored ?? {}).map(([key, why]) => [
            code(`${method} ${path}`),
            code(key),
            `changes nothing: ${why}`,
          ]),
          ...(foreignKeys.lacking ?? []).map((key) => [code(`${method} ${path}`), code(key), 'refused: not part of this version']),
        ]),
    ),
  ].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

function byPath(a: { readonly method: string; readonly path: string }, b: { readonly method: string; readonly path: string }): number {
  const [one, other] = [`${a.path} ${a.method}`, `${b.path} ${b.method}`];
  return one < other ? -1 : 1;
}
