import { defineEvent } from '#platform/resource/events.ts';
import { SettingResponse } from './contracts.ts';

export const settingEvents = {
  updated: defineEvent('setting.updated', 'setting', SettingResponse),
  /** The default holds again: the value is the one that did. */
  deleted: defineEvent('setting.deleted', 'setting', SettingResponse),
};
