// The rules against histories that are known: a good one, and the same with one thing wrong, which must be found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation, Outcome, WatchEvent, WatchSession } from './history.ts';
import {
  a11,
  a12,
  a13,
  at,
  b15,
  bookmark,
  c18,
  configMap,
  conflict,
  deleted,
  done,
  type Good,
  goodWorld,
  listed,
  notFound,
  sent,
  World,
} from './known-history.ts';

test('a good history has nothing wrong', () => assert.deepEqual(goodWorld().check(), []));

/** The same with a lost write that never happened, answers that came late, and a watch that was told that the past is gone. */
const alsoGood: Record<string, (w: Good) => void> = {
  'a lost write that did not happen': (w) => {
    w.writes.pop();
    w.records.watches = [];
  },
  'a read beside a write that it sees': ({ named }) => (named.get!.called = 0.5),
  'a read beside a write that it does not see': ({ named }) =>
    (named.get!.returned = named['stale update']!.called + 0.5),
  'a watch that ends before it was told everything': ({ watches }) => (watches.all.events.length = 5),
  'a state that breaks off': ({ watches }) => (watches.state.events.length = 1),
  '410 after a compaction': (w) => {
    const when = { began: 0, ended: 1, beganMs: 0, endedMs: 1 };
    w.records.disturbances.push({ what: 'compacted', compacted: 12, ...when });
    w.watch({ after: 11, bookmarks: true }, [['ERROR', { code: 410, message: 'too old' }]]);
  },
  '410 after the server has begun anew': (w) => {
    const when = { began: 0, ended: 1, beganMs: 0, endedMs: 1 };
    w.records.disturbances.push({ what: 'killed', servers: [0], ...when });
    w.watch({ after: 11, bookmarks: true }, [['ERROR', { code: 410, message: 'too old' }]]);
  },
  '410 of a server that was behind a compaction': (w) => {
    const when = { began: 0, ended: 1, beganMs: 0, endedMs: 1 };
    w.records.disturbances.push({ what: 'cut', late: [0], ...when }, { what: 'compacted', compacted: 10, ...when });
    w.watch({ after: 11, bookmarks: true }, [['ERROR', { code: 410, message: 'too old' }]]);
  },
};

for (const [name, change] of Object.entries(alsoGood)) {
  test(`good: ${name}`, () => {
    const world = goodWorld();
    change(world);
    assert.deepEqual(world.check(), []);
  });
}

const answer = (operation: Operation | undefined, outcome: Outcome) => Object.assign(operation!, { outcome });
const event = (session: WatchSession, index: number, change: Partial<WatchEvent>) =>
  Object.assign(session.events[index]!, change);

const broken: { name: string; rule: RegExp; break(w: Good): void }[] = [
  {
    name: 'a stale read',
    rule: /a read is as new as it must be[\s\S]*configmaps\/a: broken: linearizable/,
    break: ({ named }) => Object.assign(named['old get']!, { request: { verb: 'get', at: undefined } }),
  },
  {
    name: 'a read of what is gone',
    rule: /as new as it must be/,
    break: ({ named }) => answer(named['get gone'], done(a13)),
  },
  {
    name: 'a read that misses what is there',
    rule: /configmaps\/a: broken: linearizable/,
    break: ({ named }) => answer(named.get, notFound),
  },
  {
    name: 'a read of what never was',
    rule: /a read shows what is there/,
    break: ({ named }) => answer(named.get, done(configMap('a', 'A', 11, 's1', { color: 'green' }))),
  },
  {
    name: 'a lost update: two from one version were done',
    rule: /configmaps\/a: broken: linearizable[\s\S]*it was done, though version \d+ is there, not 11/,
    break: (w) => {
      const other = configMap('a', 'A', 12.5, 's8');
      answer(w.named['stale update'], done(other));
      w.etcd('a', 12.5, other);
      w.writes.splice(2, 0, w.writes.pop()!);
    },
  },
  {
    name: 'a conflict though nothing had changed',
    rule: /configmaps\/a: broken: linearizable/,
    break: ({ named }) => answer(named.update, conflict),
  },
  {
    name: 'a write that was acknowledged and is not there',
    rule: /what was acknowledged is there/,
    break: (w) => w.writes.splice(1, 1),
  },
  {
    name: 'a write that is another than was asked for',
    rule: /configmaps\/a: broken: linearizable[\s\S]*another object/,
    break: ({ named }) => {
      named.update!.request = { verb: 'update', object: sent(configMap('a', 'A', 0, 's2', { color: 'green' })) };
    },
  },
  {
    name: 'a write that was refused and happened',
    rule: /every write was asked for/,
    break: (w) => w.etcd('a', 19, configMap('a', 'A2', 19, 's6')),
  },
  {
    name: 'a write that happened twice',
    rule: /a write happens once/,
    break: (w) => {
      w.etcd('c', 19, undefined);
      w.etcd('c', 20, configMap('c', 'C2', 20, 's7', { color: 'red' }));
    },
  },
  {
    name: 'a write of nobody',
    rule: /every write was asked for/,
    break: (w) => w.etcd('z', 19, configMap('z', 'Z', 19, '?')),
  },
  { name: 'a deletion of nobody', rule: /every write was asked for/, break: (w) => w.etcd('c', 19, undefined) },
  {
    name: 'a double create',
    rule: /linearizable/,
    break: (w) => {
      const again = configMap('a', 'A2', 16.5, 's6');
      answer(w.named['create again'], done(again));
      w.etcd('a', 16.5, again);
      w.writes.splice(6, 0, w.writes.pop()!);
    },
  },
  {
    name: 'a create that was refused though there was none',
    rule: /linearizable/,
    break: (w) => {
      w.named['create again']!.called = w.named['get gone']!.called;
      w.named['create again']!.returned = w.named['get gone']!.returned;
    },
  },
  {
    name: 'a precondition that was ignored',
    rule: /configmaps\/a: broken: linearizable[\s\S]*version 13 is there, not 12/,
    break: ({ named }) => (named.delete!.request = { verb: 'delete', preconditions: { resourceVersion: '12' } }),
  },
  {
    name: 'a finalizer that was ignored',
    rule: /configmaps\/b: broken: linearizable/,
    break: (w) => {
      answer(w.named['delete held'], done(deleted('B')));
      w.writes.splice(4, 1);
      answer(w.named.release, notFound);
    },
  },
  {
    name: 'a deletion that was acknowledged and did not happen',
    rule: /was not deleted then/,
    break: (w) => w.writes.splice(6, 1),
  },
  {
    name: 'a new version of what did not change',
    rule: /configmaps\/a: broken: linearizable[\s\S]*though nothing changes/,
    break: (w) => {
      answer(w.named['no-op'], done(at(a13, 13.5)));
      w.etcd('a', 13.5, at(a13, 13.5));
      w.writes.splice(3, 0, w.writes.pop()!);
    },
  },
  {
    name: 'one uid for two objects',
    rule: /a uid is given once/,
    break: (w) => {
      const twin = configMap('d', 'C', 19, 's9');
      w.op('twin', 'd', { verb: 'create', object: sent(twin) }, done(twin), () => w.etcd('d', 19, twin));
    },
  },
  {
    name: 'a list without an object',
    rule: /at revision 15 there are a@13 b@15/,
    break: ({ named }) => answer(named.list, listed(15, a13)),
  },
  {
    name: 'a list with an old object',
    rule: /at revision 15/,
    break: ({ named }) => answer(named.list, listed(15, a12, b15)),
  },
  {
    name: 'a list with what is not selected',
    rule: /at revision 16/,
    break: ({ named }) => answer(named['list blue'], listed(16, a12)),
  },
  { name: 'a stale list', rule: /as new as it must be/, break: ({ named }) => answer(named.list, listed(13, a13)) },
  {
    name: 'a list of another revision than was asked for',
    rule: /as new as it must be/,
    break: ({ named }) => (named.list!.request = { verb: 'list', at: 14, exact: true }),
  },
  {
    name: 'a collection that was deleted and is there',
    rule: /has not been deleted/,
    break: (w) => w.op('collection', '', { verb: 'deletecollection', labelSelector: 'color' }, listed(18, c18)),
  },
  {
    name: 'an event twice',
    rule: /comes once/,
    break: ({ watches: { all } }) => all.events.splice(1, 0, all.events[0]!),
  },
  {
    name: 'an event that is missing',
    rule: /no event is missing/,
    break: ({ watches: { all } }) => all.events.splice(1, 1),
  },
  {
    name: 'an event that is missing after a bookmark',
    rule: /no event is missing/,
    break: ({ watches: { all } }) => all.events.splice(4, 1),
  },
  {
    name: 'events in another order',
    rule: /no event is missing|in the order of their revisions/,
    break: ({ watches: { all } }) => all.events.splice(1, 2, all.events[2]!, all.events[1]!),
  },
  {
    name: 'an old event again',
    rule: /order of their revisions/,
    break: ({ watches: { all } }) => all.events.push(all.events[0]!),
  },
  {
    name: 'MODIFIED for what enters',
    rule: /right type/,
    break: ({ watches: { red } }) => event(red, 0, { type: 'MODIFIED' }),
  },
  {
    name: 'MODIFIED for what leaves',
    rule: /right type/,
    break: ({ watches: { red } }) => event(red, 1, { type: 'MODIFIED' }),
  },
  {
    name: 'nothing told of what leaves',
    rule: /no event is missing/,
    break: ({ watches: { red } }) => red.events.splice(1, 1),
  },
  {
    name: 'what is not selected',
    rule: /only what is selected/,
    break: ({ watches: { red } }) => event(red, 0, { object: a11 }),
  },
  {
    name: 'what leaves is shown as it is afterwards',
    rule: /shows what happened/,
    break: ({ watches: { red } }) => event(red, 1, { object: a13 }),
  },
  {
    name: 'an event of another object',
    rule: /shows what happened/,
    break: ({ watches: { all } }) => event(all, 1, { object: at(a11, 12) }),
  },
  {
    name: 'a bookmark beyond what was told',
    rule: /bookmarks are true/,
    break: ({ watches: { all } }) => event(all, 3, { object: bookmark(14) }),
  },
  {
    name: 'a bookmark at the end, beyond what was told',
    rule: /bookmarks are true/,
    break: ({ watches: { marked } }) => event(marked, 1, { object: bookmark(18) }),
  },
  {
    name: 'a bookmark that goes back',
    rule: /bookmarks are true/,
    break: ({ watches: { all } }) => event(all, 3, { object: bookmark(12) }),
  },
  {
    name: 'a bookmark that nobody asked for',
    rule: /bookmarks are true/,
    break: ({ watches: { marked } }) => (marked.request = { after: 12, bookmarks: false }),
  },
  {
    name: 'an initial state without an object',
    rule: /begins with a state/,
    break: ({ watches: { list } }) => list.events.shift(),
  },
  {
    name: 'an initial state with an old object',
    rule: /begins with a state/,
    break: ({ watches: { list } }) => event(list, 0, { object: a12 }),
  },
  {
    name: 'an initial state older than was asked for',
    rule: /begins with a state/,
    break: ({ watches: { list } }) => (list.request = { ...list.request, after: 16 }),
  },
  {
    name: 'an event missing after the initial state',
    rule: /no event is missing/,
    break: ({ watches: { list } }) => list.events.splice(3, 1),
  },
  {
    name: 'a state without a mark that never was',
    rule: /begins with a state/,
    break: ({ watches: { state } }) => event(state, 0, { object: a12 }),
  },
  {
    name: 'a state of the past where the present was asked for',
    rule: /begins with a state/,
    break: ({ watches: { state } }) => event(state, 0, { object: a11 }),
  },
  {
    name: '410 though nothing was compacted',
    rule: /can be resumed/,
    break: (w) => {
      const when = { began: 0, ended: 1, beganMs: 0, endedMs: 1 };
      w.records.disturbances.push({ what: 'cut', late: [0], ...when });
      w.watch({ after: 11, bookmarks: true }, [['ERROR', { code: 410, message: 'too old' }]]);
    },
  },
  {
    name: '410 for an earlier compaction, of a server that was not behind',
    rule: /can be resumed/,
    break: (w) => {
      const when = { began: 0, ended: 1, beganMs: 0, endedMs: 1 };
      w.records.disturbances.push({ what: 'cut', late: [1], ...when }, { what: 'compacted', compacted: 10, ...when });
      w.watch({ after: 11, bookmarks: true }, [['ERROR', { code: 410, message: 'too old' }]]);
    },
  },
];

for (const { name, rule, break: breakIt } of broken) {
  test(`found: ${name}`, () => {
    const world = goodWorld();
    breakIt(world);
    assert.match(world.check().join('\n'), rule);
  });
}

for (const others of [2, 8]) {
  test(`a write that names no version may be refused after ${others} others were faster: ${others > 5}`, () => {
    const world = new World();
    const first = configMap('a', 'A', 10, 's');
    world.op('create', 'a', { verb: 'create', object: sent(first) }, done(first), () => world.etcd('a', 10, first));
    world.op('loser', 'a', { verb: 'update', object: sent(configMap('a', 'A', 0, 'loser')) }, conflict, () => {
      for (let i = 1; i <= others; i++) {
        const next = configMap('a', 'A', 10 + i, `s${i}`);
        world.op(`w${i}`, 'a', { verb: 'update', object: sent(next) }, done(next), () => world.etcd('a', 10 + i, next));
      }
    });
    assert.equal(world.check().length === 0, others > 5, world.check().join('\n'));
  });
}

test('what is told names the object, the requests with their times, and what the model says', () => {
  const world = goodWorld();
  const { update } = world.named;
  answer(update, conflict);
  const told = world.check().find((text) => text.includes('linearizable'))!;
  assert.match(
    told,
    new RegExp(`#${update!.id} ${update!.calledMs}\\.\\.${update!.returnedMs} ms .* update configmaps/a`),
  );
  assert.match(told, /there is version 11 of A there/);
  assert.match(told, /cannot: it was refused with 409 Conflict, with version 11/);
});
