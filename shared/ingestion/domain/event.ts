import { EARLIEST_WINDOW } from '#kernel/calendar/windows.ts';
import type { DateTime } from 'luxon';

/** A usage event as accepted: validated, with its id and times. One line of a pack in the log. */
export interface UsageEvent {
  readonly id: string;
  readonly eventName: string;
  readonly externalCustomerId: string;
  /** Internal id, as the sender claims; neither resolved nor checked. Empty when absent. */
  readonly customerId: string;
  readonly source: string;
  /** Milliseconds since 1970, UTC. */
  readonly timestamp: number;
  /** JSON text of an object, in the stored form (properties.ts). */
  readonly properties: string;
  /** Fields that the sender added and that nobody here knows. Absent: none. */
  readonly ignoredFields?: readonly string[];
}

/** Why an item of a raw batch makes no event. */
export const DROP_REASONS = ['unusable_item', 'ingestion_filter'] as const;

/** An item of a raw batch that makes no event. It is accounted for like one, so that its sender finds out; its content is kept nowhere. */
export interface DroppedItem {
  /** The sender's id; empty where it has none that could be asked for. */
  readonly id: string;
  readonly reason: (typeof DROP_REASONS)[number];
  /** The field and what is wrong with it. */
  readonly detail: string;
}

/** Where an event stands in the log: unique, and the same whenever it is read. */
export interface LogPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** From 0 within the pack. */
  readonly line: number;
}

/** An event as read from the log: whose it is, when it was accepted (milliseconds since 1970), and where it stands. */
export interface LoggedEvent extends UsageEvent {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly ingestedAt: number;
  readonly position: LogPosition;
}

/** An event as the store gives it back. */
export interface StoredEvent {
  readonly id: string;
  readonly environmentId: string;
  readonly externalCustomerId: string;
  readonly customerId: string;
  readonly eventName: string;
  readonly source: string;
  readonly timestamp: DateTime;
  readonly ingestedAt: DateTime;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Fields that the sender added and that nobody here knows; only where a single event is asked for. */
  readonly ignoredFields?: readonly string[];
}

/** The oldest timestamp that is accepted. Older ones are mistakes (a zero epoch, seconds read as milliseconds). */
export const EARLIEST_TIMESTAMP = EARLIEST_WINDOW;

/** Bounds of what an event may carry (metering.md D11). */
export const EVENT_LIMITS = {
  nameLength: 512,
  idLength: 512,
  propertyDepth: 10,
  propertyKeys: 256,
  propertyBytes: 64 * 1024,
  batch: 1000,
  ignoredFields: 50,
  ignoredLength: 255,
} as const;

export function samePosition(a: LogPosition, b: LogPosition): boolean {
  return a.offset === b.offset && a.line === b.line && a.partition === b.partition && a.topic === b.topic;
}
