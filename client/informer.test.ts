import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expiredError, StatusError } from '../machinery/errors.ts';
import { silentLogger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { WatchingInformer } from './informer.ts';
import type { ResourceClient, WatchEvent, WatchOptions } from './rest.ts';
import { TransportError } from './transport.ts';

type Watch = (options: WatchOptions, onEvent: (event: WatchEvent<KubeObject>) => void) => Promise<void>;

const object = (name: string, resourceVersion: string, uid = name): KubeObject => ({
  metadata: { name, namespace: 'ns', uid, resourceVersion },
});
/** A watch that goes on until the client ends it. */
const endless: Watch = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

/** An informer over a server whose lists and watches are given; the last of each is given again and again. */
function world(lists: KubeObject[][], watches: Watch[]) {
  const clock = new FakeClock();
  const abort = new AbortController();
  const asked: string[] = [];
  const seen: string[] = [];
  const next = <T>(all: T[]) => (all.length > 1 ? all.shift()! : all[0]!);
  const client = {
    async list() {
      asked.push('list');
      return { items: structuredClone(next(lists)), resourceVersion: '10', continue: '' };
    },
    watch(options: WatchOptions, onEvent: (event: WatchEvent<KubeObject>) => void) {
      asked.push(`watch ${options.resourceVersion}`);
      return next(watches)(options, onEvent);
    },
  } as unknown as ResourceClient<KubeObject>;
  const informer = new WatchingInformer(client, {}, { clock, random: seededRandom(1), log: silentLogger });
  informer.onChange((now, old) => seen.push(`${old?.metadata.uid ?? ''}>${now?.metadata.uid ?? ''}`));
  const running = informer.run(abort.signal);
  const settle = async () => {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  };
  /** Time goes by in small steps, so that what waits for answers and for time takes turns. */
  const pass = async (ms: number) => {
    await settle();
    for (let at = 0; at < ms; at += 50) {
      await clock.advance(50);
      await settle();
    }
  };
  const end = async () => {
    abort.abort();
    await running;
  };
  return { asked, seen, informer, pass, end };
}

describe('WatchingInformer', () => {
  test('says how far it has come', async () => {
    const { informer, pass, end } = world(
      [[object('a', '1')]],
      [
        async (_, onEvent) => {
          onEvent({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } });
          throw new TransportError('connection closed');
        },
        endless,
      ],
    );
    assert.equal(informer.hasSeen('1'), false);
    await pass(1000);
    assert.deepEqual([informer.hasSeen('9'), informer.hasSeen('20'), informer.hasSeen('100')], [true, true, false]);
    await end();
  });

  test('a handler that throws keeps nothing from the others', async () => {
    const { seen, informer, pass, end } = world([[object('a', '1'), object('b', '2')]], [endless]);
    informer.onChange(() => {
      throw new Error('a handler with a fault');
    });
    const later: string[] = [];
    informer.onChange((now) => later.push(now?.metadata.name ?? ''));
    await pass(100);
    assert.deepEqual(
      [seen, later],
      [
        ['>a', '>b'],
        ['a', 'b'],
      ],
    );
    await end();
  });

  test('goes on from the last version when a watch breaks, and lists again when that version is gone', async () => {
    const { asked, seen, informer, pass, end } = world(
      [
        [object('a', '1'), object('b', '2')],
        [object('b', '2'), object('c', '12', 'c2')],
      ],
      [
        async (_, onEvent) => {
          onEvent({ type: 'ADDED', object: object('c', '11') });
          throw new TransportError('connection closed');
        },
        async (_, onEvent) => onEvent({ type: 'ERROR', object: expiredError('too old').toStatus() as never }),
        endless,
      ],
    );
    await pass(1000);
    assert.deepEqual(asked, ['list', 'watch 10', 'watch 11', 'list', 'watch 10']);
    // Another object of the same name is told as one that went and one that came.
    assert.deepEqual(seen, ['>a', '>b', '>c', 'c>', '>c2', 'a>']);
    assert.deepEqual(
      informer.lister.list().map((o) => o.metadata.uid),
      ['b', 'c2'],
    );
    await end();
  });

  test('lists again when the server has never reached its version: the store was put back', async () => {
    const tooLarge = new StatusError(504, 'Timeout', 'Too large resource version: 10, current: 3', {
      details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] },
    });
    const { asked, pass, end } = world([[]], [() => Promise.reject(tooLarge), endless]);
    await pass(1000);
    assert.deepEqual(asked, ['list', 'watch 10', 'list', 'watch 10']);
    await end();
  });

  const hopeless: [string, Watch][] = [
    ['ends every watch at once', async () => undefined],
    ['keeps no version', () => Promise.reject(expiredError('too old'))],
    ['answers nothing', () => Promise.reject(new TransportError('refused'))],
  ];
  for (const [name, watch] of hopeless) {
    test(`asks less and less often of a server that ${name}`, async () => {
      const { asked, pass, end } = world([[]], [watch]);
      await pass(10_000);
      const count = asked.filter((a) => a.startsWith('watch')).length;
      assert.ok(count >= 5 && count <= 12, `${count} watches`);
      await end();
    });
  }
});
