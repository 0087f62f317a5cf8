import { expect, test } from 'vitest';
import type { Config } from '#platform/config/schema.ts';
import { hook, hookPoint } from '#platform/resource/hooks.ts';
import { guard, guardPoint } from '#platform/resource/guards.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { composeApp } from './compose.ts';
import { modules } from './create-app.ts';
import type { Engines } from '#module/engines.ts';
import { JOBS } from './jobs.ts';
import { defineModule } from '#module/declaration.ts';

const config = {} as Config;
const tx = {} as TenantTransaction;
const THING = guardPoint('thing');
const THING_GONE = hookPoint<{ readonly id: string }>('thing.gone');

test('services are made when they are first asked for, once, and may need each other', () => {
  const made: string[] = [];
  const first = defineModule({
    name: 'first',
    build: (app: Engines & { readonly two: { readonly name: string } }) => ({
      one: () => {
        made.push('one');
        return { name: 'one', other: () => app.two.name };
      },
    }),
  });
  const second = defineModule({
    name: 'second',
    build: (app: Engines & { readonly one: { readonly name: string } }) => ({
      two: () => {
        made.push('two');
        return { name: `two after ${app.one.name}` };
      },
    }),
  });
  const app = composeApp([first, second], config);
  expect(made).toEqual([]);
  expect(app.one.other()).toBe('two after one');
  expect([app.one, app.two.name, made]).toEqual([app.one, 'two after one', ['one', 'two']]);
});

test('two modules cannot make a service of the same name', () => {
  const twice = defineModule({ name: 'twice', build: (_: Engines) => ({ one: () => 1 }) });
  expect(() => composeApp([twice, twice], config)).toThrow('two modules make one');
  expect(() => composeApp([defineModule({ name: 'bold', build: (_: Engines) => ({ database: () => 1 }) })], config)).toThrow('bold');
});

test('guards of every module are asked about the change that they guard, and hooks run in the order of the modules', async () => {
  const ran: string[] = [];
  const user = (name: string) =>
    defineModule({
      name,
      build: (_: Engines) => ({ [name]: () => name }),
      guards: () => [
        guard(THING, ['delete'], name, async (_tx, id) => {
          ran.push(`${name} asked about ${id}`);
          return id === name ? `is used by ${name}` : null;
        }),
      ],
      hooks: () => [hook(THING_GONE, async (_tx, { id }) => void ran.push(`${name} told of ${id}`))],
    });
  const { guards, hooks } = composeApp([user('a'), user('b')], config);
  await guards.check(tx, THING, 'x', 'delete');
  await guards.check(tx, THING, 'b', 'rename');
  await guards.check(tx, guardPoint('thing'), 'b', 'delete');
  await expect(guards.check(tx, THING, 'b', 'delete')).rejects.toMatchObject({
    code: 'invalid_operation',
    message: 'the thing is used by b',
    details: { entity: 'thing', id: 'b', used_by: 'b' },
  });
  await hooks.run(tx, THING_GONE, { id: 'x' });
  expect(ran).toEqual(['a asked about x', 'b asked about x', 'a asked about b', 'b asked about b', 'a told of x', 'b told of x']);
});

test('the list of jobs is what the modules name', () => {
  const named = modules.flatMap((module) => module.jobs ?? []).map(({ job }) => job.name);
  expect(JOBS.map(({ job }) => job.name).sort()).toEqual([...named].sort());
  expect(new Set(named).size).toBe(named.length);
});
