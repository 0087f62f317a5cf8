/**
 * How the fields of a request become columns, once for creating and for changing. A rule sees null, and undefined for what was left out.
 *
 *     const planColumns = columns({ name: given<string>, description: textOrNull });
 *     planColumns.created({ name: 'Pro' })              // { name: 'Pro', description: null }
 *     planColumns.changed({ description: '' })          // { description: null }: what was left out stays as it is
 */
export function columns<R extends Rules>(rules: R) {
  const entries = Object.entries(rules);
  return {
    /** Every column: what was left out has no value. */
    created: (request: Request<R>): Values<R> =>
      Object.fromEntries(entries.map(([column, rule]) => [column, rule((request as Given)[column])])) as Values<R>,
    /** Columns of the fields that the request has. */
    changed: (request: Partial<Request<R>>): Partial<Values<R>> =>
      Object.fromEntries(
        entries.flatMap(([column, rule]) => {
          const value = (request as Given)[column];
          return value === undefined ? [] : [[column, rule(value)]];
        }),
      ) as Partial<Values<R>>,
  };
}

type Given = Readonly<Record<string, unknown>>;
// biome-ignore lint/suspicious/noExplicitAny: each rule has types of its own
type Rules = Readonly<Record<string, (value: any) => unknown>>;
type Request<R extends Rules> = { readonly [K in keyof R as undefined extends Parameters<R[K]>[0] ? never : K]: Parameters<R[K]>[0] } & {
  readonly [K in keyof R as undefined extends Parameters<R[K]>[0] ? K : never]?: Parameters<R[K]>[0] | undefined;
};
type Values<R extends Rules> = { -readonly [K in keyof R]: ReturnType<R[K]> };

/** The value as it is: a field that must be there. */
export const given = <T>(value: T): T => value;
/** '' says nothing. */
export const textOrNull = (value: string | null | undefined): string | null => value || null;
export const valueOrNull = <T>(value: T | null | undefined): T | null => value ?? null;
/** Replaced whole. */
export const mapOrEmpty = (value: Readonly<Record<string, string>> | null | undefined): Readonly<Record<string, string>> => value ?? {};
