import type * as z from 'zod';

/** A state change that others are told of: the relay, the audit log, webhooks, the documentation. */
export interface EventDefinition {
  /** Dotted, past tense last, such as `plan.created`. */
  readonly name: string;
  /** What it happened to: `entity_type` of the event. */
  readonly entity: string;
  /** What it carries: the entity as the API shows it, or a part of that. */
  readonly payload: z.ZodObject;
}

/** Declares an event. A module's events stand in its `events.ts`, those of all modules in `shared/events.ts`. */
export function defineEvent(name: string, entity: string, payload: z.ZodObject): EventDefinition {
  return { name, entity, payload };
}
