import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { assertRoom, freeBytes, withDisk } from './disk.ts';

const MIB = 1024 ** 2;
const app = (mode: string, folder: string) =>
  ({
    config: { deployment: { mode }, local: { data_dir: folder } },
    readiness: () => ({ postgres: async () => undefined }),
  }) as unknown as Parameters<typeof withDisk>[0];

test('a disk with less than what Postgres takes at a time is full', async () => {
  await expect(assertRoom('/data', async () => 31 * MIB)).rejects.toThrow('the disk of /data is full');
  await assertRoom('/data', async () => 32 * MIB);
  expect(await freeBytes(tmpdir())).toBeGreaterThan(0);
});

test('only Local Mode, which has a folder of its own, says whether there is room', async () => {
  const checks = withDisk(app('local', tmpdir())).readiness();
  expect(Object.keys(checks)).toEqual(['postgres', 'disk']);
  await checks.disk?.();
  for (const other of [app('api', tmpdir()), app('local', '/no/such/folder')])
    expect(Object.keys(withDisk(other).readiness())).toEqual(['postgres']);
});
