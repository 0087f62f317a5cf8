import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { DLQ_USAGE, parseDlqArguments } from './arguments.ts';

test.each([
  [[], 'Say what to do'],
  [['drop'], 'no command "drop"'],
  [['list', '--limit', '0'], '--limit'],
  [['list', '--limit', 'x'], '--limit'],
  [['list', '--topic', 'nowhere'], 'no topic "nowhere"'],
  [['list', '--dry-run'], 'list does not take --dry-run'],
  [['list', '--status', 'gone'], '--status'],
  [['list', 'events:0:0'], 'list takes no'],
  [['show'], 'show takes one'],
  [['show', 'events:x'], 'not the place of a letter'],
  [['show', 'events:0:99999999999999999999'], 'not the place of a letter'],
  [['redrive', 'events:0:0', '--reason', 'bad_json'], 'either letters or'],
  [['list', '--what'], '--what'],
  [['redrive', '--reason', 'nosuch'], 'no reason "nosuch".'],
  [['list', '--reason', 'bad_jsn'], 'did you mean bad_json?'],
  [['list', '--reason', 'toString'], 'no reason "toString"'],
  [['practise', 'events:0:0'], 'practise takes no'],
  [['practise', '--reason', 'bad_json'], 'practise does not take --reason'],
])('%j cannot be understood', (args, why) => {
  expect(() => parseDlqArguments(args)).toThrow(UsageError);
  expect(() => parseDlqArguments(args)).toThrow(why);
});

test('who asks for help gets all topics and reasons', () => {
  for (const args of [['--help'], ['redrive', '-h']]) expect(parseDlqArguments(args)).toBeNull();
  for (const word of ['events_lazy', 'bad_json', 'invalid_event', 'missing_tenant', 'unreadable_system_event'])
    expect(DLQ_USAGE).toContain(word);
});

test('commands are read with their defaults', () => {
  expect(parseDlqArguments(['list'])).toMatchObject({
    action: 'list',
    limit: 50,
    status: 'open',
    reason: null,
    topics: ['events.dlq', 'events_lazy.dlq', 'events_post_processing.dlq', 'system_events.dlq'],
  });
  expect(parseDlqArguments(['list', '--topic', 'events.dlq', '--tenant', 't', '--reason', 'bad_json', '--status', 'all'])).toMatchObject({
    topics: ['events.dlq'],
    tenantId: 't',
    reason: 'bad_json',
    status: 'all',
  });
  expect(parseDlqArguments(['show', 'events:1:2'])).toMatchObject({ action: 'show', id: 'events:1:2' });
  expect(parseDlqArguments(['redrive', 'events:1:2', 'events_lazy.dlq:0:1', '--dry-run', '--again'])).toMatchObject({
    action: 'redrive',
    ids: ['events:1:2', 'events_lazy.dlq:0:1'],
    dryRun: true,
    again: true,
  });
});
