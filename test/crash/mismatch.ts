/** One thing that is not as it must be. */
export interface Finding {
  readonly kind:
    | 'lost'
    | 'twice'
    | 'half'
    | 'altered'
    | 'unknown'
    | 'wrong copy'
    | 'claimed without event'
    | 'wrong number'
    | 'not settled'
    | 'bad answer';
  /** What was looked at: an event, a request, an aggregation. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
  /** The events concerned, one line each. */
  readonly events: readonly string[];
}

const SHOWN_OF_A_KIND = 3;
const EVENTS_SHOWN = 12;

/** A run whose outcome is not what was acknowledged. The message is the report, with some findings of each kind. */
export class CrashMismatch extends Error {
  readonly findings: readonly Finding[];

  constructor(headline: string, findings: readonly Finding[]) {
    const kinds = Map.groupBy(findings, ({ kind }) => kind);
    const counts = [...kinds].map(([kind, all]) => `${all.length} ${kind}`).join(', ');
    super([`${headline}: ${counts}`, ...[...kinds.values()].flatMap((all) => all.slice(0, SHOWN_OF_A_KIND)).map(describe)].join('\n'));
    this.name = 'CrashMismatch';
    this.findings = findings;
  }
}

function describe({ kind, what, expected, actual, events }: Finding): string {
  const shown = events.slice(0, EVENTS_SHOWN).map((line) => `      ${line}`);
  return [
    `  ${kind}: ${what}`,
    `    expected ${expected}`,
    `    actual   ${actual}`,
    ...shown,
    ...(events.length > EVENTS_SHOWN ? [`      ... of ${events.length} events`] : []),
  ].join('\n');
}
