/** Why a record of the log can never be handled: the word that stands in its header `error_reason`, and what it means. */
export const DEAD_LETTER_REASONS = {
  missing_tenant: 'it does not say which tenant it is of',
  missing_environment: 'it does not say which environment it is of',
  unknown_content: 'it holds something else than its stream does',
  empty: 'it holds nothing',
  bad_json: 'it is not valid JSON',
  invalid_event: 'it is no event: a field is missing or has a wrong form',
  unreadable_summary: 'it is no account of stored events that a follower could read',
  unreadable_system_event: 'it is no change that the audit log could keep',
  unknown: 'it says no reason: somebody else has put it there',
} as const;

export type DeadLetterReason = keyof typeof DEAD_LETTER_REASONS;

export const DEAD_LETTER_REASON_WORDS = Object.keys(DEAD_LETTER_REASONS) as [DeadLetterReason, ...DeadLetterReason[]];
