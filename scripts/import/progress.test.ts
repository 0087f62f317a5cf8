import { expect, test } from 'vitest';
import { showProgress } from './progress.ts';

const COUNTS = { accepted: 3, rejected: 1 };

/** What stands on a stream that is no terminal, or is one. */
function paper(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly text: () => string } {
  let text = '';
  const write = (part: string): boolean => {
    text += part;
    return true;
  };
  const stream = { isTTY, columns: 80, write, cursorTo: () => true } as unknown as NodeJS.WriteStream;
  return { stream, text: () => text };
}

test('where nobody watches, a line every five seconds, and none for what ends before', () => {
  const { stream, text } = paper(false);
  let now = 0;
  const progress = showProgress(200, { stream, now: () => now });
  progress.show(50, COUNTS);
  now = 4_999;
  progress.show(60, COUNTS);
  expect(text()).toBe('');
  now = 5_000;
  progress.show(100, COUNTS);
  now = 6_000;
  progress.show(120, COUNTS);
  now = 20_000;
  progress.show(200, COUNTS);
  progress.stop();
  expect(text()).toBe('  50%  3 accepted, 1 refused\n');
});

test('on a terminal no bar stays behind, and none is shown for what is done with the first step', () => {
  const atOnce = paper(true);
  const done = showProgress(200, { stream: atOnce.stream });
  done.show(200, COUNTS);
  done.stop();
  expect(atOnce.text()).toBe('');
});
