import { defineEvent } from '#platform/resource/events.ts';
import { CostsheetBase } from './contracts/costsheet.ts';

export const costsheetEvents = {
  created: defineEvent('costsheet.created', 'costsheet', CostsheetBase),
  updated: defineEvent('costsheet.updated', 'costsheet', CostsheetBase),
  deleted: defineEvent('costsheet.deleted', 'costsheet', CostsheetBase),
};
