// Which events wake a pod that waits: those that may let it fit, and no others.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { NodeInfo } from '../framework/node-info.ts';
import type { ClusterEvent, Plugin } from '../framework/plugin.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeDeclaredFeatures } from './node-declared-features.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { podTopologySpread } from './pod-topology-spread.ts';

const topologyKey = 'zone';
const terms = (color: string, rest: object = {}) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { color } }, ...rest }],
});
const near = pod('p').affinity({ podAffinity: terms('blue') });
const apart = pod('p').affinity({ podAntiAffinity: terms('blue') });
const anywhere = pod('p').affinity({ podAffinity: terms('blue', { namespaceSelector: { matchLabels: { a: 'b' } } }) });
const spread = pod('p').spread({
  topologyKey,
  maxSkew: 1,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { color: 'blue' } },
});
const blue = () => pod('o').labels({ color: 'blue' });
const red = () => pod('o').labels({ color: 'red' });
const shy = () => red().affinity({ podAntiAffinity: terms('green') });

const assigned = (one: PodBuilder): ClusterEvent => ({ type: 'PodAssigned', pod: one.on('n').build() });
const removed = (one: PodBuilder): ClusterEvent => ({ type: 'PodRemoved', pod: one.on('n').build() });
const updated = (old: PodBuilder, one: PodBuilder): ClusterEvent => ({
  type: 'PodUpdated',
  old: old.on('n').build(),
  pod: one.on('n').build(),
});
const updatedNode = (feature: string): ClusterEvent => {
  const info = new NodeInfo('n');
  info.setNode(node('n').declares(feature).build());
  return { type: 'NodeUpdated', node: info };
};

describe('a waiting pod is woken', () => {
  const cases: [what: string, plugin: Plugin, waiting: PodBuilder, event: ClusterEvent, helps: boolean][] = [
    ['by one it must be near', interPodAffinity, near, assigned(blue()), true],
    ['not by another one', interPodAffinity, near, assigned(red()), false],
    ['by one it must be near that gets its label', interPodAffinity, near, updated(red(), blue()), true],
    ['by one of a namespace that is selected by labels', interPodAffinity, anywhere, assigned(blue()), true],
    ['not by one more that it must be away from', interPodAffinity, apart, assigned(blue()), false],
    ['by the end of one that it must be away from', interPodAffinity, apart, removed(blue()), true],
    ['not by the end of another one', interPodAffinity, apart, removed(red()), false],
    [
      'by the end of one that kept it away',
      interPodAffinity,
      pod('p').labels({ color: 'green' }),
      removed(shy()),
      true,
    ],
    ['by one more of its group elsewhere', podTopologySpread, spread, assigned(blue()), true],
    ['by the end of one of its group', podTopologySpread, spread, removed(blue().terminating()), true],
    ['not by others', podTopologySpread, spread, removed(red()), false],
    ['by one that leaves its group', podTopologySpread, spread, updated(blue(), red()), true],
    ['by a node that goes', podTopologySpread, spread, { type: 'NodeRemoved', name: 'n' }, true],
    [
      'by a node that declares what it needs',
      nodeDeclaredFeatures,
      pod('p').restartsAll(),
      updatedNode('RestartAllContainersOnContainerExits'),
      true,
    ],
    ['not by another node', nodeDeclaredFeatures, pod('p').restartsAll(), updatedNode('Other'), false],
    ['by room that is left', nodeResourcesFit, pod('p'), removed(red()), true],
    [
      'by a pod that shrinks',
      nodeResourcesFit,
      pod('p'),
      updated(red().asks({ cpu: '2' }), red().asks({ cpu: '1' })),
      true,
    ],
    [
      'not by one that grows',
      nodeResourcesFit,
      pod('p'),
      updated(red().asks({ cpu: '1' }), red().asks({ cpu: '2' })),
      false,
    ],
  ];
  for (const [what, plugin, waiting, event, helps] of cases)
    test(`${plugin.name}: ${what}`, () => {
      assert.equal(plugin.mayHelp!(event, podInfoOf(waiting.build())), helps);
    });
});
