// What single plugins give nodes, in numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { type NodeBuilder, node, pod } from '../../test/builders/scheduling.ts';
import { SchedulerCache } from '../cache/cache.ts';
import type { Plugin } from '../framework/plugin.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeResourcesBalancedAllocation as balanced } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';

/** The score of each node for a pod. */
function scoresOf(plugin: Plugin, wanted: Pod, nodes: NodeBuilder[], others: Pod[] = []): number[] {
  const cache = new SchedulerCache();
  for (const n of nodes) cache.setNode(n.build());
  for (const p of others) cache.setPod(p);
  const state = new Map();
  const info = podInfoOf(wanted);
  plugin.preScore?.(state, info, cache.nodes, cache);
  return cache.nodes.map((n) => plugin.score!(state, info, n));
}

test('balance: by how much it changes', () => {
  const has = { cpu: '10', memory: '10Gi' };
  const asks = (cpu: string, memory: string) => pod('p').asks({ cpu, memory }).build();
  const used = (cpu: string, memory: string) => pod('o').on('n').asks({ cpu, memory }).build();
  const cases: [name: string, wanted: Pod, others: Pod[], allocatable: Record<string, string>, want: number][] = [
    ['none', asks('5', '5Gi'), [], has, 75],
    ['from even to uneven', asks('10', '1Mi'), [], has, 50],
    ['from uneven to even', asks('1m', '10Gi'), [used('10', '1Mi')], has, 100],
    ['a little', asks('3', '1Gi'), [used('1', '1Gi')], has, 70],
    ['what the node lacks says nothing', asks('3', '0'), [], { cpu: '10', memory: '0' }, 75],
  ];
  for (const [name, wanted, others, allocatable, want] of cases)
    assert.deepEqual(scoresOf(balanced, wanted, [node('n').has(allocatable)], others), [want], name);
});

test('room: init containers, sidecars and overhead count, and what is assumed of those that do not say', () => {
  const at = (change: (spec: any) => void) => {
    const made = structuredClone(pod('p').asks({ cpu: '1', memory: '1Gi' }).build());
    change(made.spec);
    return podInfoOf(made).scoreRequests;
  };
  const init = (cpu?: string) => ({ name: 'i', resources: { requests: cpu ? { cpu, memory: '1Gi' } : {} } });
  const Gi = 1024 ** 3;
  const Mi = 1024 ** 2;
  const cases: [string, (spec: any) => void, [number, number]][] = [
    ['plain', () => undefined, [1000, Gi]],
    ['an init container that asks for more', (spec) => (spec.initContainers = [init('3')]), [3000, Gi]],
    ['a sidecar', (spec) => (spec.initContainers = [{ ...init('2'), restartPolicy: 'Always' }]), [3000, 2 * Gi]],
    ['overhead', (spec) => (spec.overhead = { cpu: '500m' }), [1500, Gi]],
    [
      'a sidecar that does not say',
      (spec) => (spec.initContainers = [{ ...init(), restartPolicy: 'Always' }]),
      [1100, Gi + 200 * Mi],
    ],
    ['memory alone', (spec) => (spec.containers[0].resources = { requests: { memory: '1Gi' } }), [100, Gi]],
    ['the pod says it all', (spec) => (spec.resources = { requests: { cpu: '4', memory: '2Gi' } }), [4000, 2 * Gi]],
  ];
  for (const [name, change, want] of cases) {
    const { cpuMillis, memoryBytes } = at(change);
    assert.deepEqual([cpuMillis, memoryBytes], want, name);
  }
  const wanted = structuredClone(pod('p').asks({ cpu: '1', memory: '0' }).build());
  wanted.spec.overhead = { cpu: '1' };
  assert.deepEqual(scoresOf(nodeResourcesFit, wanted, [node('n').has({ cpu: '4', memory: '1Gi' })]), [75]);
});

test('room: while it is resized a pod holds what it had and what it will have', () => {
  const at = (asked: string, has: string | undefined, conditions: object[] = []) => {
    const made = structuredClone(pod('p').on('n').asks({ cpu: asked }).build());
    const held = has === undefined ? {} : { resources: { requests: { cpu: has } }, allocatedResources: { cpu: has } };
    made.status = { containerStatuses: [{ name: 'c', ...held }], conditions } as never;
    return podInfoOf(made).requests.cpuMillis;
  };
  const infeasible = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];
  assert.deepEqual([at('1', '1'), at('1', '2'), at('3', '2'), at('3', '2', infeasible)], [1000, 2000, 3000, 2000]);
  assert.equal(at('1', undefined), 1000);
});

test('images: those of volumes count, too', () => {
  const wanted = structuredClone(pod('p').image('absent').build());
  wanted.spec.volumes = [{ name: 'v', image: { reference: 'data:1' } }] as never;
  const holder = node('a').image('data:1', 523 * 1024 ** 2);
  assert.deepEqual(scoresOf(imageLocality, wanted, [holder]), [51]);
});

test('affinity: a share is rounded as a floating point number is', () => {
  const scores = [0, 29, 100];
  interPodAffinity.normalize!(scores);
  assert.deepEqual(scores, [0, 28, 100]);
});
