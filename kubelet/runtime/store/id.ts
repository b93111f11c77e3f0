// Ids and timestamps of sandboxes and containers.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../machinery/clock.ts';

/** 64 hex digits, as container tools expect. */
export const newId = () => randomBytes(32).toString('hex');

/** Nanoseconds since the epoch, as the interface wants them, from a clock of milliseconds. */
export const nowNs = (clock: Clock) => `${BigInt(Math.round(clock.now() * 1000)) * 1000n}`;
