import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { ChangeHandler } from '../../client/informer.ts';
import { ObjectCache } from '../../client/store.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import { node } from '../../test/builders/node.ts';
import { nodeIpamController } from './node-ipam.ts';
import { NodeRanges } from './node-ranges.ts';

const two = { clusterCidr: '10.244.0.0/23', nodeMaskSize: 24 };

describe('NodeRanges', () => {
  const taken = (ranges: NodeRanges, count: number) =>
    Array.from({ length: count }, (_, i) => ranges.allocate(`n${i}`));

  const cases = [
    { name: 'lowest first, until none is left', held: [], want: ['10.244.0.0/24', '10.244.1.0/24', undefined] },
    { name: 'what a node has is nobody else’s', held: ['10.244.0.0/24'], want: ['10.244.1.0/24', undefined] },
    { name: 'a smaller range takes its whole part', held: ['10.244.0.128/25'], want: ['10.244.1.0/24', undefined] },
    { name: 'a larger range takes all its parts', held: ['10.244.0.0/16'], want: [undefined] },
    { name: 'the other family is in nobody’s way', held: ['fd00::/64'], want: ['10.244.0.0/24'] },
    { name: 'and so is what is elsewhere', held: ['10.9.0.0/24'], want: ['10.244.0.0/24'] },
  ];
  for (const { name, held, want } of cases) {
    test(name, () => {
      const ranges = new NodeRanges(two);
      if (held.length > 0) ranges.hold('other', held);
      assert.deepEqual(
        taken(ranges, want.length).map((cidrs) => cidrs?.[0]),
        want,
      );
    });
  }

  test('no node is given what services have', () => {
    const ranges = new NodeRanges({ clusterCidr: '10.96.0.0/14', nodeMaskSize: 24, serviceCidr: '10.96.0.0/16' });
    assert.deepEqual(ranges.allocate('n'), ['10.97.0.0/24']);
  });

  test('a range is free again when all who have it are gone', () => {
    const ranges = new NodeRanges(two);
    ranges.hold('a', ['10.244.0.0/24']);
    ranges.hold('b', ['10.244.0.0/24']);
    ranges.release('a');
    assert.deepEqual(ranges.allocate('c'), ['10.244.1.0/24']);
    ranges.release('b');
    assert.deepEqual(ranges.allocate('d'), ['10.244.0.0/24']);
    assert.equal(ranges.release('b'), false);
  });

  test('a node that asks twice gets the same, and says what is outside', () => {
    const ranges = new NodeRanges(two);
    assert.deepEqual(ranges.allocate('a'), ranges.allocate('a'));
    assert.equal(ranges.hold('a', ['10.244.1.0/24']), true);
    assert.equal(ranges.hold('a', ['10.9.1.0/24']), false);
    assert.deepEqual(ranges.allocate('b'), ['10.244.0.0/24']);
  });

  const refused = [
    { options: { clusterCidr: '10.244.0.0/25', nodeMaskSize: 24 }, message: /cannot be divided into parts of \/24/ },
    { options: { clusterCidr: '10.244.0.0/16', nodeMaskSize: 33 }, message: /cannot be divided/ },
    { options: { clusterCidr: '10.0.0.0/8', nodeMaskSize: 25 }, message: /more than 2\^16 parts/ },
    { options: { clusterCidr: 'fd00::/48', nodeMaskSize: 64 }, message: /no IPv4 subnet/ },
  ];
  for (const { options, message } of refused) {
    test(`refuses /${options.nodeMaskSize} of ${options.clusterCidr}`, () =>
      assert.throws(() => nodeIpamController(options), message));
  }
});

/** The controller's world: nodes, what is written on them, and what is said. `answer` may refuse a write. */
function world(answer: () => void = () => undefined) {
  const cache = new ObjectCache<Node>();
  const handlers: ChangeHandler<Node>[] = [];
  const done: string[] = [];
  const context = {
    informer: () => ({ lister: cache, onChange: (handler: ChangeHandler<Node>) => handlers.push(handler) }),
    resource: () => ({
      patch: async ({ name }: { name: string }, { spec }: any) => {
        done.push(`${name}: ${spec.podCIDR} [${spec.podCIDRs}]`);
        answer();
      },
    }),
    recorder: (source: string) => ({
      event: (_: object, type: string, reason: string, message: string) =>
        done.push(`${source} ${type} ${reason} ${message}`),
    }),
    log: silentLogger,
  } as unknown as ControllerContext;
  const controller = nodeIpamController(two);
  const deps = controller.deps(context, () => undefined);
  const change = (next: Node | undefined, old?: Node) => {
    if (next) cache.put(next);
    for (const handler of handlers) handler(next, old);
    return [...controller.related![0]!.keys(next, old, deps)];
  };
  const look = async (subject: Node) => {
    done.length = 0;
    const error = await controller.reconcile(subject, deps).then(
      () => undefined,
      (err) => err.message,
    );
    return { done: [...done], error };
  };
  return { change, look };
}

const withRange = (name: string, podCIDR: string): Node => ({ ...node(name), spec: { podCIDR, podCIDRs: [podCIDR] } });

describe('node-ipam', () => {
  test('gives the lowest range that no known node has', async () => {
    const { change, look } = world();
    change(withRange('old', '10.244.0.0/24'));
    change(node('new'));
    assert.deepEqual(await look(node('new')), { done: ['new: 10.244.1.0/24 [10.244.1.0/24]'], error: undefined });
    // Its own write is not back yet.
    assert.deepEqual((await look(node('new'))).done, ['new: 10.244.1.0/24 [10.244.1.0/24]']);
    assert.deepEqual(await look(withRange('new', '10.244.1.0/24')), { done: [], error: undefined });
  });

  test('says when none is left, and gives what a deleted node had to those who wait', async () => {
    const { change, look } = world();
    const [a, b] = [withRange('a', '10.244.0.0/24'), withRange('b', '10.244.1.0/24')];
    for (const one of [a, b, node('c')]) change(one);
    assert.deepEqual(await look(node('c')), {
      done: ['cidrAllocator Normal CIDRNotAvailable Node c status is now: CIDRNotAvailable'],
      error: 'no range for pods is left for node c',
    });
    assert.deepEqual(change(undefined, b), ['c']);
    assert.deepEqual((await look(node('c'))).done, ['c: 10.244.1.0/24 [10.244.1.0/24]']);
  });

  test('a range that cannot be written is said, and stays the node’s', async () => {
    const { look } = world(() => {
      throw new Error('no');
    });
    const write = 'n: 10.244.0.0/24 [10.244.0.0/24]';
    const event = 'cidrAllocator Normal CIDRAssignmentFailed Node n status is now: CIDRAssignmentFailed';
    for (let i = 0; i < 2; i++)
      assert.deepEqual(await look(node('n')), { done: [write, write, write, event], error: 'no' });
  });

  test('a node that is gone meanwhile needs none', async () => {
    const { look } = world(() => {
      throw notFoundError({ group: '', resource: 'nodes' }, 'n');
    });
    assert.deepEqual(await look(node('n')), { done: ['n: 10.244.0.0/24 [10.244.0.0/24]'], error: undefined });
  });
});
