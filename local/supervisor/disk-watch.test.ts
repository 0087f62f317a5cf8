import { afterEach, expect, test, vi } from 'vitest';
import { watchDisk } from './disk-watch.ts';

const MIB = 1024 ** 2;

afterEach(() => {
  vi.useRealTimers();
});

test('a full disk is told once, and once more when there is room again', async () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const say = (text: string): void => {
    lines.push(text);
  };
  let left = 500;
  const watch = watchDisk('/data', { step: say, warn: say, plain: say }, 1_000, async () => left * MIB);
  const after = async (mebibytes: number): Promise<string[]> => {
    left = mebibytes;
    await vi.advanceTimersByTimeAsync(3_000);
    return lines.splice(0);
  };
  expect(await after(500)).toEqual([]);
  expect(await after(31)).toEqual(['The disk is full (/data): nothing new is accepted until there is room']);
  expect(await after(0)).toEqual([]);
  expect(await after(40)).toEqual([]);
  expect(await after(64)).toEqual(['The disk has room again']);
  expect(await after(40)).toEqual([]);
  expect(await after(0)).toHaveLength(1);
  watch.stop();
  expect(await after(500)).toEqual([]);
});

test('a folder that cannot be looked at ends nothing', async () => {
  vi.useFakeTimers();
  const watch = watchDisk('/data', { step: expect.unreachable, warn: expect.unreachable, plain: expect.unreachable }, 1_000, async () => {
    throw new Error('gone');
  });
  await vi.advanceTimersByTimeAsync(3_000);
  watch.stop();
});
