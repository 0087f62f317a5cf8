import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '#local/ports.ts';
import { LocalModeProcess } from '../support/local-mode.ts';

// What README and "How do I ..." print is run as it stands, in one shell, against a Local Mode.

const root = join(import.meta.dirname, '../..');
const parent = mkdtempSync(join(tmpdir(), 'flexprice-docs-'));
let localMode: LocalModeProcess;
/** What each block of a page said, by its heading. */
let said: ReadonlyMap<string, string>;

interface Block {
  readonly heading: string;
  readonly code: string;
}

/** The blocks of a page that are shell, in their order. A line with # in front is a heading outside of them and a comment inside. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  const found = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$|^#+ (.*)$/gm)];
  let heading = '';
  return found.flatMap(([, language, code = '', title]) => {
    heading = title ?? heading;
    return language === 'bash' ? [{ heading, code }] : [];
  });
}

beforeAll(async () => {
  chmodSync(parent, 0o711);
  const port = await freePort();
  localMode = await new LocalModeProcess({ dataDir: join(parent, 'data'), port }).ready();
  const walk = blocksOf('README.md').filter(({ heading }) =>
    ['Your own first event to an invoice', 'What your customers see'].includes(heading),
  );
  const script = [...walk, ...blocksOf('docs/how-do-i.md')]
    .map(({ heading, code }) => `echo '### ${heading}'\n${code.replaceAll('localhost:8080', `localhost:${port}`)}`)
    .join('\n')
    // An answer that is an error ends it.
    .replaceAll('curl -sS', 'curl -sS --fail-with-body');
  const shell = spawn('bash', ['-eo', 'pipefail', '-c', script], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const [code] = await once(shell, 'close');
  if (code !== 0) throw new Error(`The shell ended with ${code}:\n${output}`);
  said = new Map(output.split('### ').map((part) => [part.split('\n', 1)[0] ?? '', part]));
}, 240_000);
afterAll(async () => {
  await localMode?.killEverything();
  rmSync(parent, { recursive: true, force: true });
});

test.each([
  ['Your own first event to an invoice', ['"value":1', '"invoice_status":"FINALIZED"', '"total":"0.01"']],
  ['What your customers see', ['"invoice_number":"INV-', '"display_name":"API calls"']],
  ['Has my event arrived, and why is it not billed?', ['"status":"processed"']],
  ['Is everything that I have sent counted?', ['"accepted":1', '"complete":true']],
  ['Which events could not be stored, and how do I send them again?', ['"items":[]', '"redriven":0']],
  ['What would a meter measure if I changed it?', ['"before":{"value":"1"', '"after":{"value":"0"']],
  ['Why does the invoice say this amount?', ['unrounded_amount', 'quantity_before_entitlement']],
  ['May a customer use more, and what has it used?', ['"allowed":true', '"limit":"100"', '"total_limit":100']],
])('%s: the answer is what the page says', (heading, parts) => {
  for (const part of parts) expect(said.get(heading)).toContain(part);
});

test('README leads to the questions, and each has a request', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('docs/how-do-i.md');
  const questions = readFileSync(join(root, 'docs/how-do-i.md'), 'utf8').match(/^## .*\?$/gm) ?? [];
  expect(questions).toHaveLength(6);
  expect(questions.filter((question) => !said.has(question.slice(3)))).toEqual([]);
});
