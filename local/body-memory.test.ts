import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { BodyMemory } from './body-memory.ts';

const MIB = 1024 ** 2;
const known = async (): Promise<boolean> => true;
const unknown = async (): Promise<boolean> => false;

/** A request with a body, in one piece or several. */
const requestOf = (pieces: readonly Buffer[], headers: Record<string, string> = {}): IncomingMessage =>
  Object.assign(Readable.from(pieces), { headers }) as unknown as IncomingMessage;
const bytes = (mebibytes: number): Buffer => Buffer.alloc(mebibytes * MIB, 'x');

/** A request that has sent so much and keeps its sender waiting. */
function open(sent: Buffer): { request: IncomingMessage; end(): void; cut(): void } {
  const stream = new PassThrough({ highWaterMark: 64 * MIB });
  stream.write(sent);
  return {
    request: Object.assign(stream, { headers: {} }) as unknown as IncomingMessage,
    end: () => stream.end(),
    cut: () => stream.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })),
  };
}

test('a body that fits comes as it was sent', async () => {
  const { bytes: read, unread } = await new BodyMemory(4 * MIB).read(requestOf([Buffer.from('{"a":'), Buffer.from([0xff, 0x7d])]), unknown);
  expect([read, unread]).toEqual([Buffer.concat([Buffer.from('{"a":'), Buffer.from([0xff, 0x7d])]), undefined]);
});

test('somebody unknown is not read beyond 1 MiB, however the length is told, and is asked for only then', async () => {
  const memory = new BodyMemory(64 * MIB);
  let asked = 0;
  const count = async (): Promise<boolean> => {
    asked += 1;
    return false;
  };
  const small = await memory.read(requestOf([bytes(1)]), count);
  expect([small.unread, small.bytes.length, asked]).toEqual([undefined, MIB, 0]);
  expect((await memory.read(requestOf([], { 'content-length': String(2 * MIB) }), count)).unread).toBe('unknown_sender');
  expect((await memory.read(requestOf([bytes(1), bytes(1)]), count)).unread).toBe('unknown_sender');
  expect(asked).toBe(2);
  expect((await memory.read(requestOf([bytes(1), bytes(1)]), known)).bytes).toHaveLength(2 * MIB);
});

test('nobody is read beyond 32 MiB, and what is announced to be larger not at all', async () => {
  const memory = new BodyMemory(256 * MIB);
  const announced = requestOf([bytes(1)], { 'content-length': String(33 * MIB) });
  expect((await memory.read(announced, known)).unread).toBe('too_large');
  expect((await memory.read(requestOf(Array.from({ length: 33 }, () => bytes(1))), known)).unread).toBe('too_large');
});

test('a sender of whom nobody can tell is told to try again', async () => {
  const away = async (): Promise<boolean> => {
    throw new Error('postgres is away');
  };
  expect((await new BodyMemory(64 * MIB).read(requestOf([bytes(1), bytes(1)]), away)).unread).toBe('busy');
});

test('bodies under way share the memory until they are answered, also those that break off', async () => {
  const memory = new BodyMemory(8 * MIB);
  const first = await memory.read(requestOf([bytes(4)]), known);
  const slow = open(bytes(3));
  const slowly = memory.read(slow.request, known);
  const tried = async (): Promise<string | undefined> => {
    const { unread, release } = await memory.read(requestOf([bytes(2)]), known);
    release();
    return unread;
  };
  await expect.poll(tried).toBe('busy');

  slow.cut();
  await expect(slowly).rejects.toThrow('aborted');
  const second = await memory.read(requestOf([bytes(4)]), known);
  expect([second.unread, (await memory.read(requestOf([bytes(1)]), known)).unread]).toEqual([undefined, 'busy']);

  for (const { release } of [first, first, second]) release();
  expect((await memory.read(requestOf([bytes(8)]), known)).unread).toBeUndefined();
});

test('those without a key have a quarter, and take nothing from those who have one', async () => {
  const memory = new BodyMemory(8 * MIB);
  const half = (): IncomingMessage => requestOf([Buffer.alloc(MIB / 2, 'x')]);
  for (let time = 0; time < 4; time += 1) expect((await memory.read(half(), unknown)).unread).toBeUndefined();
  expect((await memory.read(half(), unknown)).unread).toBe('busy');
  const readers = await Promise.all(Array.from({ length: 12 }, () => memory.read(half(), known)));
  expect(readers.map(({ unread }) => unread)).toEqual(Array.from({ length: 12 }, () => undefined));
  expect((await memory.read(half(), known)).unread).toBe('busy');
});
