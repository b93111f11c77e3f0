// Clients that watch: each one selection, beginning in every way there is, ended by the server or broken off by
// themselves, and resumed where they were, at whichever server.
import { realClock } from '../../machinery/clock.ts';
import type { Draw } from '../environment/fuzz.ts';
import type { ApiClient } from './api-client.ts';
import type { History, Resource, WatchEvent, WatchRequest, WatchSession } from './history.ts';
import { resources } from './history.ts';
import { shapes } from './resources.ts';
import type { Selectors } from './selection.ts';
import { labelSelectors } from './traffic.ts';

const maxPauseMs = 300;
/** Longer than a run: such a watch is to bring what happens after all faults are over. */
const longSeconds = 300;

export class Watcher {
  readonly #client: ApiClient;
  readonly #history: History;
  readonly #draw: Draw;
  readonly #resource: Resource;
  readonly #selection: Selectors;
  /** How far it is; undefined: it has to begin anew. */
  #reached: number | undefined;
  /** The newest revision it was told of. */
  #heard = 0;
  readonly #looks = new Set<() => void>();
  #isCalm = false;

  constructor(client: ApiClient, history: History, draw: Draw, index: number) {
    this.#client = client;
    this.#history = history;
    this.#draw = draw;
    this.#resource = resources[index % resources.length]!;
    this.#selection = draw.of<Selectors>([
      {},
      { labelSelector: draw.of(labelSelectors) },
      { fieldSelector: draw.of(shapes[this.#resource].fieldSelectors) },
    ]);
  }

  get name(): string {
    return `${this.#client.name} (${this.#resource} ${JSON.stringify(this.#selection)})`;
  }

  get resource(): Resource {
    return this.#resource;
  }

  /** What it selects. */
  get selection(): Selectors {
    return this.#selection;
  }

  /** Breaks off no more. */
  calm(): void {
    this.#isCalm = true;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#watch(this.#nextRequest(), signal);
      await realClock.sleep(this.#draw.below(maxPauseMs));
    }
  }

  /** Whether it has been told of a revision, or of a later one, within the time. */
  async reaches(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#heard >= revision) return true;
    return new Promise((resolve) => {
      const timer = realClock.after(timeoutMs, () => resolve(false));
      this.#looks.add(() => {
        if (this.#heard < revision) return;
        timer.cancel();
        resolve(true);
      });
    });
  }

  #nextRequest(): WatchRequest {
    const draw = this.#draw;
    const bookmarks = { bookmarks: draw.chance(0.8), ...this.#selection };
    if (this.#reached !== undefined && draw.chance(0.8)) return { after: this.#reached, ...bookmarks };
    const after = draw.of([undefined, 0, this.#reached]);
    if (draw.chance(0.5)) return { ...bookmarks, after, sendInitialEvents: true, bookmarks: true };
    return { after: after || draw.of([undefined, 0]), ...bookmarks };
  }

  async #watch(request: WatchRequest, signal: AbortSignal): Promise<void> {
    const draw = this.#draw;
    const session: WatchSession = {
      id: this.#history.nextId(),
      client: this.#client.name,
      server: draw.below(this.#client.servers),
      resource: this.#resource,
      request,
      called: this.#history.tick(),
      calledMs: this.#history.nowMs(),
      events: [],
    };
    this.#history.watches.push(session);
    const breakOff = new AbortController();
    const stop = () => breakOff.abort();
    signal.addEventListener('abort', stop);
    const timer = draw.chance(0.3) ? realClock.after(draw.below(3_000), () => this.#isCalm || stop()) : undefined;
    try {
      const path = `${this.#client.pathOf({ resource: this.#resource, name: '' })}?${this.#query(request)}`;
      const transport = this.#client.transport(session.server);
      const wanted = { method: 'GET', path, signal: breakOff.signal } as const;
      const { status } = await transport.stream(wanted, (line) => this.#take(session, line));
      if (status > 0) session.code = status;
      if (status === 410) this.#reached = undefined;
    } catch {
      // It broke off: what came until then is what counts.
    } finally {
      timer?.cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  #query({ after, sendInitialEvents, bookmarks, ...selection }: WatchRequest): string {
    const seconds = this.#draw.chance(0.15) ? longSeconds : 1 + this.#draw.below(8);
    const query = new URLSearchParams({ watch: 'true', timeoutSeconds: String(seconds), ...selection });
    if (after !== undefined) query.set('resourceVersion', String(after));
    if (bookmarks) query.set('allowWatchBookmarks', 'true');
    if (sendInitialEvents) query.set('sendInitialEvents', 'true');
    if (sendInitialEvents) query.set('resourceVersionMatch', 'NotOlderThan');
    return query.toString();
  }

  #take(session: WatchSession, line: string): void {
    const event: WatchEvent = { ...JSON.parse(line), moment: this.#history.tick(), ms: this.#history.nowMs() };
    session.events.push(event);
    if (event.type === 'ERROR') {
      this.#reached = undefined;
      return;
    }
    const revision = Number(event.object.metadata.resourceVersion);
    this.#heard = Math.max(this.#heard, revision);
    // In the middle of a state one is nowhere yet: the objects come in the order of their names.
    if (hasState(session)) this.#reached = Math.max(this.#reached ?? 0, revision);
    for (const look of this.#looks) look();
  }
}

/** Whether what was told is a place to go on from: the end of a state, or a change after it. */
function hasState({ request, events }: WatchSession): boolean {
  const last = events.at(-1)!;
  if (request.sendInitialEvents)
    return events.some(({ object }) => object.metadata?.annotations?.['k8s.io/initial-events-end'] === 'true');
  if (request.after) return true;
  // Nobody says where the state ends. Whatever is no addition comes after it.
  return last.type !== 'ADDED';
}
