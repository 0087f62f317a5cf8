/** A setting by its key on the wire, and what holds where nobody set it. Values are kept as JSON with the names of the wire. */
export interface SettingOf<T> {
  readonly key: string;
  readonly fallback: T;
}
