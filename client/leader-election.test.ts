import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../api/coordination/lease.ts';
import type { Clock } from '../machinery/clock.ts';
import { alreadyExistsError, modifiedError, notFoundError } from '../machinery/errors.ts';
import { silentLogger } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { LeaderElector } from './leader-election.ts';
import type { ResourceClient } from './rest.ts';

const leases = { group: 'coordination.k8s.io', resource: 'leases' };

/** Lets everything run that waits for no time. */
const settle = () => new Promise(setImmediate);

/** One lease, compared and swapped; its answers come as `fate` says. */
class LeaseServer {
  lease: Lease | undefined;
  writes = 0;
  /** What becomes of a call: before it is done, and before its answer arrives. */
  fate: () => { beforeMs: number; afterMs: number; fails?: 'before' | 'after' } = () => ({ beforeMs: 0, afterMs: 0 });
  readonly #clock: Clock;
  #version = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  client(isCut: () => boolean = () => false): ResourceClient<Lease> {
    const call = async <R>(act: () => R): Promise<R> => {
      if (isCut()) throw new Error('not reached');
      const { beforeMs, afterMs, fails } = this.fate();
      if (beforeMs) await this.#clock.sleep(beforeMs);
      if (fails === 'before') throw new Error('not reached');
      const answer = act();
      if (afterMs) await this.#clock.sleep(afterMs);
      if (fails === 'after') throw new Error('the answer is lost');
      return answer;
    };
    const put = (lease: Lease) => {
      this.writes++;
      this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#version) } };
      return this.lease;
    };
    const get = () => {
      if (!this.lease) throw notFoundError(leases, 'l');
      return this.lease;
    };
    const parts = {
      get: () => call(get),
      create: (lease: Lease) =>
        call(() => {
          if (this.lease) throw alreadyExistsError(leases, 'l');
          return put(lease);
        }),
      update: (lease: Lease) =>
        call(() => {
          if (get().metadata.resourceVersion !== lease.metadata.resourceVersion) {
            throw modifiedError(leases, 'l');
          }
          return put(lease);
        }),
    };
    return parts as unknown as ResourceClient<Lease>;
  }
}

const stepMs = 200;
const times = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

function elector(server: LeaseServer, identity: string, clock: Clock, random: Random, isCut?: () => boolean) {
  const events: string[] = [];
  const deps = {
    leases: server.client(isCut),
    clock,
    random,
    log: silentLogger,
    event: (_: unknown, reason: string, message: string) => void events.push(`${reason} ${message}`),
  };
  const made = new LeaderElector({ namespace: 'kube-system', name: 'l', identity, ...times }, deps);
  return { made, events };
}

/** Moves the time on in steps, in each of which everything that can happens. */
async function pass(clock: FakeClock, ms: number, each?: () => void) {
  for (let at = 0; at < ms; at += stepMs) {
    await clock.advance(stepMs);
    await settle();
    each?.();
  }
}

function world() {
  const clock = new FakeClock();
  const server = new LeaseServer(clock);
  const start = (identity: string) => {
    const abort = new AbortController();
    const { made, events } = elector(server, identity, clock, seededRandom(identity.length));
    const loss = made.acquire(abort.signal).then(
      () => made.hold(abort.signal),
      () => undefined,
    );
    return { made, events, abort, loss };
  };
  return { clock, server, start };
}

test('the first one leads, the second takes over once the lease has run out', async () => {
  const { clock, server, start } = world();
  const first = start('a_1');
  await pass(clock, 1_000);
  assert.equal(first.made.leads(), true);
  assert.deepEqual(first.events, ['LeaderElection a_1 became leader']);
  assert.equal(server.lease?.spec.leaseDurationSeconds, 15);
  assert.equal(server.lease?.spec.leaseTransitions, 0);
  const second = start('b_22');
  await pass(clock, 30_000);
  assert.deepEqual([first.made.leads(), second.made.leads(), second.made.holder()], [true, false, 'a_1']);
  first.abort.abort(); // ends without a word, as by SIGKILL
  await pass(clock, 14_000);
  assert.equal(second.made.leads(), false);
  // Seen for the last time and looked at again, each within two retry periods and more.
  await pass(clock, 10_000);
  assert.equal(second.made.leads(), true);
  assert.equal(server.lease?.spec.leaseTransitions, 1);
  second.abort.abort();
});

test('as long as the server is not reached a candidate asks again soon', async () => {
  const clock = new FakeClock();
  const server = new LeaseServer(clock);
  let isCut = true;
  const deps = { leases: server.client(() => isCut), clock, random: seededRandom(1), log: silentLogger, event() {} };
  const options = { ...times, leaseDurationMs: 120_000, renewDeadlineMs: 90_000, retryPeriodMs: 30_000 };
  const made = new LeaderElector({ namespace: 'kube-system', name: 'l', identity: 'a', ...options }, deps);
  void made.acquire(new AbortController().signal);
  await pass(clock, 10_000);
  isCut = false;
  await pass(clock, 2_400);
  assert.ok(made.leads());
});

test('one that ends well is followed at its next look', async () => {
  const { clock, server, start } = world();
  const first = start('a_1');
  await pass(clock, 1_000);
  const second = start('b_22');
  await pass(clock, 1_000);
  first.abort.abort();
  assert.equal(await first.loss, undefined);
  await first.made.release();
  assert.equal(first.made.leads(), false);
  assert.equal(server.lease?.spec.holderIdentity, '');
  await pass(clock, 4_500);
  assert.equal(second.made.leads(), true);
  second.abort.abort();
});

test('whoever comes back under its own name waits for nothing, and the one before notices', async () => {
  const { clock, start } = world();
  const first = start('a_1');
  await pass(clock, 1_000);
  const again = start('a_1');
  await pass(clock, 200);
  assert.equal(again.made.leads(), true);
  await pass(clock, 2_200);
  assert.equal(first.made.leads(), false);
  assert.equal(await first.loss, 'taken by another process');
  assert.equal(again.made.leads(), true);
  again.abort.abort();
});

test('a holder whose renewals hang gives up at its deadline, and a late answer does not bring it back', async () => {
  const { clock, server, start } = world();
  const first = start('a_1');
  await pass(clock, 1_000);
  server.fate = () => ({ beforeMs: 9_000, afterMs: 0 });
  let lost: string | undefined;
  void first.loss.then((why) => {
    lost = why;
  });
  await pass(clock, 10_200);
  assert.equal(lost, 'not renewed in time');
  await pass(clock, 9_000);
  assert.equal(first.made.leads(), false);
  assert.deepEqual(first.events, ['LeaderElection a_1 became leader', 'LeaderElection a_1 stopped leading']);
});

test('a label on the lease takes it from nobody', async () => {
  const { clock, server, start } = world();
  const first = start('a_1');
  await pass(clock, 1_000);
  const { lease } = server;
  server.lease = { ...lease!, metadata: { ...lease!.metadata, labels: { a: 'b' }, resourceVersion: 'by kubectl' } };
  await pass(clock, 20_000);
  assert.equal(first.made.leads(), true);
  first.abort.abort();
});

test('times that cannot keep two from leading are refused', () => {
  const deps = {
    leases: {},
    clock: new FakeClock(),
    random: seededRandom(1),
    log: silentLogger,
    event: () => undefined,
  };
  const options = { namespace: 'n', name: 'l', identity: 'i', ...times };
  for (const bad of [
    { renewDeadlineMs: 15_000 },
    { retryPeriodMs: 9_000 },
    { retryPeriodMs: 0 },
    { leaseDurationMs: 9 },
  ]) {
    assert.throws(() => new LeaderElector({ ...options, ...bad }, deps as never), /must be/);
  }
});

/** A clock of its own for a process, whose time of day jumps. */
function jumping(clock: FakeClock, random: Random): Clock {
  return {
    now: () => clock.now() + Math.floor((random.next() - 0.5) * 3_600_000),
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, fn) => clock.after(ms, fn),
    every: (ms, fn) => clock.every(ms, fn),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}

/** Three processes that come, hang, end and are killed, at a server that is slow and fails: how long nobody led at the end. */
async function play(seed: number): Promise<number> {
  const random = seededRandom(seed);
  const clock = new FakeClock();
  const server = new LeaseServer(clock);
  let isHealthy = false;
  server.fate = () => {
    if (isHealthy) return { beforeMs: 5, afterMs: 5 };
    const slow = () => (random.next() < 0.3 ? random.next() * 8_000 : random.next() * 50);
    const fails = random.next() < 0.2 ? (['before', 'after'] as const)[Math.floor(random.next() * 2)] : undefined;
    return { beforeMs: slow(), afterMs: slow(), ...(fails ? { fails } : {}) };
  };
  let serial = 0;
  const live = new Map<LeaderElector, () => Promise<void>>();
  const start = () => {
    const abort = new AbortController();
    // Now and then one is cut off, for longer than a lease lasts.
    let cutUntilMs = 0;
    const isCut = () => {
      if (isHealthy) return false;
      if (clock.now() > cutUntilMs && random.next() < 0.05) cutUntilMs = clock.now() + random.next() * 25_000;
      return clock.now() < cutUntilMs;
    };
    const { made } = elector(server, `p_${serial++}`, jumping(clock, random), random, isCut);
    const run = async () => {
      await made.acquire(abort.signal);
      await made.hold(abort.signal);
      live.delete(made);
    };
    const running = run().catch(() => undefined);
    // Killed, it says nothing; asked to end, it gives the lease back.
    live.set(made, async () => {
      const isClean = random.next() < 0.5;
      live.delete(made);
      abort.abort();
      if (!isClean) return;
      await running;
      await made.release();
    });
  };
  const check = () => {
    const leaders = [...live.keys()].filter((e) => e.leads());
    assert.ok(leaders.length <= 1, `${leaders.length} lead`);
    return leaders.length;
  };
  for (let second = 0; second < 120; second++) {
    while (live.size < 3) start();
    if (random.next() < 0.05) void [...live.values()][Math.floor(random.next() * live.size)]!();
    await pass(clock, 1_000, check);
  }
  isHealthy = true;
  let idleMs = 0;
  for (let left = 60; left > 0; left--) {
    while (live.size < 3) start();
    await pass(clock, 1_000, check);
    idleMs = check() ? 0 : idleMs + 1_000;
  }
  for (const end of live.values()) void end();
  return idleMs;
}

test('never two lead, whatever clocks and the server do; and once the server is well, one does', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    try {
      assert.equal(await play(seed), 0, 'nobody leads at the end');
    } catch (err) {
      throw new Error(`seed ${seed}`, { cause: err });
    }
  }
});
