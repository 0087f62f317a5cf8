import { expect, test } from 'vitest';
import type { Entity, Permission } from '#kernel/permission.ts';
import { permits, ROLES, rightBeyond } from './roles.ts';

const ENTITIES: readonly Entity[] = ['Customer', 'Event', 'Secret', 'Setting', 'User'];

test.each<[Permission, string]>([
  ['public', 'super_admin all_writer all_reader event_ingestor event_reader'],
  ['authenticated', 'super_admin all_writer all_reader event_ingestor event_reader'],
  ['operator', ''],
  ['read:Customer', 'super_admin all_writer all_reader'],
  ['write:Customer', 'super_admin all_writer'],
  ['read:Event', 'super_admin all_writer all_reader event_reader'],
  ['write:Event', 'super_admin all_writer event_ingestor'],
  ['read:User', 'super_admin all_writer all_reader'],
  ['write:User', 'super_admin'],
  ['write:Setting+super_admin', 'super_admin'],
])('%s is given by: %s', (permission, roles) => {
  expect(ROLES.filter((role) => permits({ roles: [role] }, permission)).join(' ')).toBe(roles);
});

test('what no release knows any more grants nothing, whatever it is called', () => {
  for (const role of ['owner', 'toString', '__proto__', 'constructor', '']) expect(permits({ roles: [role] }, 'read:Event')).toBe(false);
});

test('the operator is whoever holds the root key; a service account is no person with every right', () => {
  expect(permits({ roles: [], operator: true }, 'operator')).toBe(true);
  expect(permits({ roles: ['super_admin'], serviceAccount: true }, 'write:Setting+super_admin')).toBe(false);
  expect(permits({ roles: ['super_admin'], serviceAccount: true }, 'write:Setting')).toBe(true);
});

test.each([
  [['super_admin'], ['all_writer', 'event_reader'], null],
  [['all_writer'], ['all_reader'], null],
  [['all_writer'], ['event_ingestor', 'event_reader'], null],
  [['all_writer'], ['super_admin'], 'write:User'],
  [['all_reader', 'event_ingestor'], ['event_reader', 'event_ingestor'], null],
  [['all_reader'], ['event_ingestor'], 'write:Event'],
  [['event_ingestor'], ['event_reader'], 'read:Event'],
  [[], ['event_reader'], 'read:Event'],
  [[], [], null],
])('%j may give %j, but for %s', (giver, given, right) => {
  expect(rightBeyond({ roles: giver }, { roles: given }, ENTITIES)).toBe(right);
});
