/** What the reference says of an operation, with a request that works. */
export interface OperationText {
  /** What a caller has to know beyond the summary, in Markdown. */
  readonly says: string;
  /** Parameters of the path and the query. `$name` stands for what an earlier operation gave. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** What later operations call a part of the answer: name, and the way to it. */
  readonly gives?: Readonly<Record<string, string>>;
}

export const LIST =
  'Newest first unless `sort` and `order` say otherwise. `pagination.next_cursor`, sent back as `cursor`, asks for the next page at the same cost however far down; totals are exact up to 10,000.';
export const SEARCH = `${LIST} \`filters\` compares any field of the entity; all conditions have to hold.`;
export const PATCH = 'What is left out stays as it is; `metadata` is replaced whole.';
export const RETRY = 'With an `Idempotency-Key` a request that is sent again gives the first answer again.';
export const PORTAL = 'For browsers, with the token of a session in `X-Session-Token`: it sees its own customer and nothing else.';
export const MONTH = { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' };
export const byName = (operator: string, text: string) => [{ field: 'name', operator, data_type: 'string', value: { string: text } }];
