import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One operation that clients of FlexPrice know. */
export interface KnownOperation {
  readonly method: string;
  readonly path: string;
  /** In parentheses where FlexPrice's own document lacks it. */
  readonly operationId: string;
  readonly tag: string;
  readonly flags: string;
}

const COLUMNS = ['method', 'path', 'operationId', 'tag', 'request', 'response', 'code', 'tier', 'flags'] as const;
/** Rows that describe the payloads of webhooks, not operations. */
const NO_OPERATION = 'webhook-payload-doc';

/** The rows of api-surface.tsv that are operations. */
export function knownSurface(): KnownOperation[] {
  const text = readFileSync(join(import.meta.dirname, '../../test/conformance/api-surface.tsv'), 'utf8');
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Object.fromEntries(line.split('\t').map((cell, index) => [COLUMNS[index] ?? 'more', cell])) as unknown as KnownOperation)
    .filter(({ flags }) => !flags.startsWith(NO_OPERATION));
}
