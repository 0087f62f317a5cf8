import type { ClientAnswers } from '#platform/http/published-client/complete.ts';
import { allRoutes } from '../generate-openapi.ts';
import { clientAnswers, clientMethods } from './client-answers.ts';
import { compatibilityPage } from './page.ts';
import { type KnownOperation, knownSurface } from './surface.ts';

/** What `npm run compatibility` writes: content by path from the root. */
export async function compatibilityFiles(): Promise<Readonly<Record<string, string>>> {
  const known = knownSurface();
  return {
    'shared/platform/http/published-client/answers.generated.json': answersText(await clientAnswers()),
    'shared/platform/http/known-operations.generated.json': operationsText(known),
    'docs/compatibility.md': compatibilityPage(known, await allRoutes(), clientMethods()),
  };
}

/** Methods by path. */
function operationsText(operations: readonly KnownOperation[]): string {
  const lines = [...Map.groupBy(operations, ({ path }) => path)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, of]) => `  ${JSON.stringify(path)}: ${JSON.stringify(of.map(({ method }) => method).join(' '))}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** One line per operation and schema, so that a change shows as what it is. */
function answersText({ answers, error, schemas }: ClientAnswers): string {
  const lines = (entries: object): string =>
    Object.entries(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n');
  return `{\n  "answers": {\n${lines(answers)}\n  },\n  "error": ${JSON.stringify(error)},\n  "schemas": {\n${lines(schemas)}\n  }\n}\n`;
}
