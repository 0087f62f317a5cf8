import { expect, test } from 'vitest';
import { DomainError } from './errors.ts';
import { transitions } from './transitions.ts';

const doors = transitions({
  entity: 'door',
  field: 'door_status',
  operations: { open: 'opened', shut: 'shut', wall_up: 'walled up' },
  table: { OPEN: { shut: 'SHUT' }, SHUT: { open: 'OPEN', wall_up: 'GONE' }, GONE: {}, PLANNED: {} },
});

test('what the table names leads on', () => {
  expect(doors.next('SHUT', 'open', { id: 'door_1' })).toBe('OPEN');
  expect(doors.allows('SHUT', 'wall_up')).toBe(true);
  expect(doors.from('wall_up')).toEqual(['SHUT']);
});

test('what it does not name is a 400 that names state, operation and row', () => {
  expect(doors.allows('OPEN', 'open')).toBe(false);
  const refused = () => doors.next('OPEN', 'open', { id: 'door_1' });
  expect(refused).toThrow(DomainError);
  expect(refused).toThrow(expect.objectContaining({ httpStatus: 400, details: { id: 'door_1', door_status: 'OPEN' } }));
  expect(refused).toThrow('an OPEN door cannot be opened');
  expect(() => doors.next('GONE', 'wall_up', { id: 'door_1' })).toThrow('a GONE door cannot be walled up');
});

test('the reference says where each state leads', () => {
  expect(doors.describe()).toBe('OPEN: shut -> SHUT. SHUT: open -> OPEN, wall_up -> GONE. GONE: final.');
});
