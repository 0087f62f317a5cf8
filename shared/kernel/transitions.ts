import { invalidOperation } from './errors.ts';

/** Where each operation leads from each state; what a state does not name is refused in it. A state that names nothing is an end. */
export type TransitionTable<State extends string, Operation extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Operation, NoInfer<State>>>>>
>;

export interface TransitionsDefinition<State extends string, Operation extends string> {
  /** As an error names it: `invoice`. */
  readonly entity: string;
  /** The field of the wire that holds the state: `invoice_status`. */
  readonly field: string;
  /** Each operation with the word of its refusal: `{ finalize: 'finalized' }` gives "a VOIDED invoice cannot be finalized". */
  readonly operations: Readonly<Record<Operation, string>>;
  readonly table: TransitionTable<State, Operation>;
}

export type Transitions<State extends string, Operation extends string> = ReturnType<typeof transitions<State, Operation>>;

/**
 * The states of an entity as one table, from which follow the refusals, the conditions of queries, and the text of the API's
 * reference. Whoever changes a state asks `next` for the new one, so that nothing happens that the table does not say.
 *
 * @example
 * const doors = transitions({
 *   entity: 'door', field: 'door_status', operations: { open: 'opened', shut: 'shut' },
 *   table: { OPEN: { shut: 'SHUT' }, SHUT: { open: 'OPEN' } },
 * });
 * doors.next('SHUT', 'open', { id });  // 'OPEN'
 * doors.next('OPEN', 'open', { id });  // throws: an OPEN door cannot be opened
 */
export function transitions<State extends string, Operation extends string>({
  entity,
  field,
  operations,
  table,
}: TransitionsDefinition<State, Operation>) {
  const states = Object.keys(table) as State[];
  const target = (state: State, operation: Operation): State | undefined => table[state][operation];
  return {
    states,
    operations: Object.keys(operations) as Operation[],

    allows: (state: State, operation: Operation): boolean => target(state, operation) !== undefined,

    /** The state that follows. Throws `invalid_operation` where the table has none. The refusal names the row: callers pass all of it. */
    next(state: State, operation: Operation, { id }: { readonly id: string }): State {
      const next = target(state, operation);
      if (next !== undefined) return next;
      const article = /^[aeiou]/i.test(state) ? 'an' : 'a';
      throw invalidOperation(`${article} ${state} ${entity} cannot be ${operations[operation]}`, { id, [field]: state });
    },

    /** The states in which an operation is allowed, for the condition of a query. */
    from: (operation: Operation): State[] => states.filter((state) => target(state, operation) !== undefined),

    /** The table as text for the reference of the API: `OPEN: shut -> SHUT. SHUT: open -> OPEN.` States that nothing leads to or from are left out. */
    describe: (): string =>
      states
        .filter((state) => Object.keys(table[state]).length > 0 || states.some((from) => Object.values(table[from]).includes(state)))
        .map((state) => {
          const ways = Object.entries(table[state]).map(([operation, next]) => `${operation} -> ${String(next)}`);
          return `${state}: ${ways.length === 0 ? 'final' : ways.join(', ')}.`;
        })
        .join(' '),
  };
}
