// How many requests may be worked on at a time, reading and writing ones apart. Those that stay
// (watches, streams) and those of administrators are not counted. Upstream: the max-in-flight
// filter of apiserver.
import type { UserInfo } from './authn/user.ts';
import type { FrontResponse } from './http/front.ts';
import type { RequestInfo } from './request-info.ts';

interface InFlightLimits {
  reading: number;
  writing: number;
}

export const defaultLimits: InFlightLimits = { reading: 400, writing: 200 };

const readingVerbs = new Set(['get', 'list', 'watch', 'head']);
const longSubresources = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

/** Whether a request lasts as long as its client wishes. */
export function isLongRunning({ verb, isResource, subresource }: RequestInfo): boolean {
  return isResource && (verb === 'watch' || longSubresources.has(subresource));
}

export class InFlight {
  readonly #left: Record<keyof InFlightLimits, number>;

  constructor(limits: InFlightLimits) {
    this.#left = { ...limits };
  }

  /** Counts a request; what is returned ends it. Undefined: there are too many. */
  begin(info: RequestInfo, user: UserInfo): (() => void) | undefined {
    if (isLongRunning(info) || user.groups.includes('system:masters')) return () => undefined;
    const kind = readingVerbs.has(info.verb) ? 'reading' : 'writing';
    if (this.#left[kind] <= 0) return undefined;
    this.#left[kind]--;
    return () => void this.#left[kind]++;
  }
}

export const tooManyRequests = (): FrontResponse => ({
  code: 429,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'retry-after': '1' },
  body: 'Too many requests, please try again later.\n',
});
