import { resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const ROOT = resolve(import.meta.dirname, '..');
const INLINE_MAP = /\/\/# sourceMappingURL=data:[^,]*;base64,([A-Za-z0-9+/=]+)\s*$/;

/**
 * The workflows of a module as the one file that a Temporal worker loads, the same bytes on every machine.
 * The worker refuses a bundle without an inlined source map, so the map stays: with relative paths and without the sources.
 * @param path from the root of the repository
 */
export async function buildWorkflowBundle(path: string): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath: resolve(ROOT, path), logger: onlyProblems });
  return relative(
    code.replace(INLINE_MAP, (_, encoded: string) => {
      const { sourcesContent: _sources, ...map } = JSON.parse(Buffer.from(encoded, 'base64').toString()) as Record<string, unknown>;
      return `//# sourceMappingURL=data:application/json;base64,${Buffer.from(relative(JSON.stringify(map))).toString('base64')}\n`;
    }),
  );
}

function relative(text: string): string {
  return text.replaceAll(`${ROOT}/`, '');
}

const ignore = (): void => {};
const onlyProblems = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: console.warn, error: console.error };
