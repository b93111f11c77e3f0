// Cycles in which extenders have a say: real servers on loopback.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { type Answers, type ExtenderServer, startExtender } from '../../test/environment/extender-server.ts';
import { SchedulerCache } from '../cache/cache.ts';
import type { ExtenderConfig } from '../config/extender-config.ts';
import { buildProfiles } from '../config/profiles.ts';
import { schedulePodWith } from '../cycle.ts';
import { describeFailure } from '../fit-error.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { plugins } from '../plugins/index.ts';
import { Extender } from './extender.ts';
import { Extenders } from './extenders.ts';

interface World {
  wanted?: PodBuilder;
  nodes?: NodeBuilder[];
  others?: PodBuilder[];
  plugins?: typeof plugins;
}

/** Where the pod goes, or the sentence it gets, or whom it pushes off a node. */
async function schedule(configs: ExtenderConfig[], world: World = {}): Promise<string> {
  const { wanted = pod('p'), nodes = [node('a'), node('b')], others = [] } = world;
  const cache = new SchedulerCache();
  for (const one of nodes) cache.setNode(one.build());
  for (const one of others) cache.setPod(one.build());
  const all = new Extenders(
    configs.map((config) => new Extender(config, realClock)),
    silentLogger,
  );
  const info = podInfoOf(wanted.build());
  const extenders = all.for(info.pod) ?? new Extenders([], silentLogger);
  try {
    const cycle = { startIndex: 0, random: () => 0 };
    const result = await schedulePodWith(extenders, world.plugins ?? plugins, info, cache, cycle);
    if (result.type === 'found') return result.node.name;
    if (!result.after || 'message' in result.after) return describeFailure(result);
    const { node: on, victims } = result.after.preemption;
    return `${on.name} for ${victims.map(({ pod: { metadata } }) => metadata.name).join()}`;
  } finally {
    all.close();
  }
}

const config = ({ urlPrefix }: ExtenderServer, rest: object = {}): ExtenderConfig => ({
  urlPrefix,
  filterVerb: 'filter',
  ...rest,
});
const onlyB = { filter: (args: any) => ({ Nodes: { items: args.Nodes.items.slice(1) } }) };

describe('an extender turns nodes down', () => {
  test('that it is shown whole', async () => {
    await using server = await startExtender(onlyB);
    assert.equal(await schedule([config(server)]), 'b');
    const [{ verb, args }] = server.asked as [(typeof server.asked)[0]];
    assert.equal(verb, 'filter');
    assert.equal(args.Pod.metadata.name, 'p');
    assert.deepEqual(
      args.Nodes.items.map((one: any) => [one.metadata.name, one.status.allocatable.cpu]),
      [
        ['a', '4'],
        ['b', '4'],
      ],
    );
    assert.equal(args.NodeNames, null);
  });

  test('by name, where it knows them; field names are read in any case', async () => {
    await using server = await startExtender({ filter: (args) => ({ nodenames: args.NodeNames.slice(1) }) });
    assert.equal(await schedule([config(server, { nodeCacheCapable: true })]), 'b');
    assert.deepEqual(server.asked[0]!.args.NodeNames, ['a', 'b']);
    assert.equal(server.asked[0]!.args.Nodes, null);
  });

  test('and says why', async () => {
    const answer = { Nodes: { items: [] }, FailedNodes: { a: 'no gpu', c: 'no' } };
    await using server = await startExtender({
      filter: () => ({ ...answer, FailedAndUnresolvableNodes: { b: 'too hot', c: 'never' } }),
    });
    const said = await schedule([config(server)], { nodes: [node('a'), node('b'), node('c')] });
    assert.match(said, /^0\/3 nodes are available: 1 never, 1 no gpu, 1 too hot\. /);
    assert.match(said, /1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling\.$/);
  });

  test('one after the other', async () => {
    const without = (name: string) => ({
      filter: (args: any) => ({ Nodes: { items: args.Nodes.items.filter((one: any) => one.metadata.name !== name) } }),
    });
    await using first = await startExtender(without('a'));
    await using second = await startExtender(without('b'));
    const nodes = [node('a'), node('b'), node('c')];
    assert.equal(await schedule([config(first), config(second)], { nodes }), 'c');
    assert.deepEqual(
      second.asked[0]!.args.Nodes.items.map((one: any) => one.metadata.name),
      ['b', 'c'],
    );
  });

  test('of pods that want what it manages, and nobody else looks at that', async () => {
    await using server = await startExtender(onlyB);
    const managedResources = [{ name: 'example.com/gpu', ignoredByScheduler: true }];
    const extenders = [config(server, { managedResources })];
    const [profile] = buildProfiles({ extenders });
    assert.equal(await schedule(extenders, { plugins: profile!.plugins }), 'a');
    assert.deepEqual(server.asked, []);
    const wanted = pod('p').asks({ 'example.com/gpu': '1' });
    assert.equal(await schedule(extenders, { wanted, plugins: profile!.plugins }), 'b');
  });
});

describe('an extender gives points', () => {
  const give = (scores: Record<string, number>): Answers => ({
    prioritize: () => Object.entries(scores).map(([Host, Score]) => ({ Host, Score })),
  });
  const prioritizing = (server: ExtenderServer, weight: number) =>
    config(server, { filterVerb: '', prioritizeVerb: 'prioritize', weight });

  test('that count by its weight', async () => {
    await using first = await startExtender(give({ a: 3, b: 10 }));
    await using second = await startExtender(give({ a: 10 }));
    const nodes = [node('a'), node('b')];
    assert.equal(await schedule([prioritizing(first, 2), prioritizing(second, 2)], { nodes }), 'a');
    assert.equal(await schedule([prioritizing(first, 3), prioritizing(second, 1)], { nodes }), 'b');
  });

  const failures = [
    500,
    '[{ "Host": "b", "Score": -1e999 }, { "Host": "b", "Score": 1e999 }]',
    '[{ "Host": "b", "Score": "9" }]',
  ];
  for (const answer of failures)
    test(`or none when it fails: ${answer}`, async () => {
      await using server = await startExtender({ prioritize: () => answer });
      assert.equal(await schedule([prioritizing(server, 1)]), 'a');
      assert.deepEqual(server.verbs(), ['prioritize']);
    });
});

describe('an extender has a say in who has to go', () => {
  const world = () => ({
    wanted: pod('p').priority(10).asks({ cpu: '2' }),
    nodes: [node('a').has({ cpu: '2' }), node('b').has({ cpu: '2' })],
    others: ['a', 'b'].map((on) => pod(`on-${on}`).on(on).asks({ cpu: '2' })),
  });
  const preempting = (server: ExtenderServer, rest: object = {}) =>
    config(server, { filterVerb: '', preemptVerb: 'preempt', ...rest });
  const keeps = (name: string, pods: object[]) => ({
    preempt: () => ({ NodeNameToMetaVictims: { [name]: { Pods: pods, NumPDBViolations: 0 } } }),
  });

  test('by pods', async () => {
    await using server = await startExtender(keeps('b', [{ UID: 'uid-on-b' }]));
    assert.equal(await schedule([preempting(server)], world()), 'b for on-b');
    const { NodeNameToVictims: shown, NodeNameToMetaVictims } = server.asked[0]!.args;
    assert.deepEqual(Object.keys(shown).sort(), ['a', 'b']);
    assert.equal(shown.a.Pods[0].metadata.name, 'on-a');
    assert.equal(NodeNameToMetaVictims, null);
  });

  test('by their identities', async () => {
    await using server = await startExtender(keeps('b', [{ UID: 'uid-on-b' }]));
    assert.equal(await schedule([preempting(server, { nodeCacheCapable: true })], world()), 'b for on-b');
    assert.deepEqual(server.asked[0]!.args.NodeNameToMetaVictims.a, {
      Pods: [{ UID: 'uid-on-a' }],
      NumPDBViolations: 0,
    });
  });

  const refusals: [what: string, answer: object, why: RegExp][] = [
    ['nobody', { NodeNameToMetaVictims: {} }, /preemption: no candidate node for preemption$/],
    ['a node that is not there', keeps('x', []).preempt(), /preemption: nodeinfo not found for node name "x"$/],
    ['no pods', keeps('a', []).preempt(), /preemption: expected at least one victim pod on node "a"$/],
    [
      'a pod that is not there',
      keeps('a', [{ UID: 'other' }]).preempt(),
      /claims to preempt pod \(UID: other\) on node: a, but the pod is not found on that node$/,
    ],
  ];
  for (const [what, answer, why] of refusals)
    test(`${what} is told`, async () => {
      await using server = await startExtender({ preempt: () => answer });
      assert.match(await schedule([preempting(server)], world()), why);
    });
});

describe('an extender that fails', () => {
  const failures: [what: string, answers: Answers, rest: object, why: RegExp][] = [
    ['with a code', { filter: () => 503 }, {}, /^failed filter with extender at URL .*\/scheduler\/filter, code 503$/],
    ['with an error', { filter: () => ({ Error: 'no idea' }) }, {}, /^no idea$/],
    ['with something else than JSON', { filter: () => 'hello' }, {}, /^filter of extender at URL .* is not valid JSON/],
    [
      'with reasons that are none',
      { filter: () => ({ Nodes: { items: [] }, FailedNodes: { a: { toString: 1 } } }) },
      {},
      /^json: cannot unmarshal object into Go value of type string$/,
    ],
    ['with a list', { filter: () => [] }, {}, /^json: cannot unmarshal array into Go value of type struct$/],
    ['by never answering', {}, { httpTimeout: '50ms' }, /^Post "http:.*\/filter": context deadline exceeded$/],
    [
      'by naming a node that it was not shown',
      { filter: () => ({ Nodes: { items: [{ metadata: { name: 'x' } }] } }) },
      {},
      /^extender ".*" claims a filtered node "x" which is not found in the input node list$/,
    ],
  ];
  for (const [what, answers, rest, why] of failures)
    test(`${what}: the pod is not scheduled, or without it if it is ignorable`, async () => {
      await using server = await startExtender(answers);
      await assert.rejects(schedule([config(server, rest)]), { message: why });
      assert.equal(await schedule([config(server, { ...rest, ignorable: true })]), 'a');
    });

  test('by not being there', async () => {
    const server = await startExtender({});
    const gone = config(server);
    await server[Symbol.asyncDispose]();
    await assert.rejects(schedule([gone]), { message: /dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/ });
  });
});

describe('over TLS', () => {
  test('the certificate has to be signed by whom the configuration names, if it names any', async () => {
    await using server = await startExtender(onlyB, { isTls: true });
    await using other = await startExtender({}, { isTls: true });
    const over = (rest: object) => schedule([config(server, rest)]);
    assert.equal(await over({ enableHTTPS: true, tlsConfig: { caData: server.caData } }), 'b');
    assert.equal(await over({ enableHTTPS: true }), 'b');
    assert.equal(await over({ tlsConfig: { insecure: true } }), 'b');
    await assert.rejects(over({ enableHTTPS: true, tlsConfig: { caData: other.caData } }), /Post "https:/);
    await assert.rejects(
      over({}),
      /Post "https:.*: tls: failed to verify certificate: x509: certificate signed by unknown/,
    );
  });

  test('files that cannot be read, and certificates without a key, are told at once', () => {
    const make = (tlsConfig: object) => () => new Extender({ urlPrefix: 'https://127.0.0.1', tlsConfig }, realClock);
    assert.throws(make({ caFile: '/nowhere' }), { message: /^extender https:\/\/127\.0\.0\.1: ENOENT/ });
    assert.throws(make({ certData: 'AAAA' }), { message: /a certificate needs its key/ });
    assert.throws(make({ caData: 'AAAA', insecure: true }), { message: /insecure flag is not allowed$/ });
  });
});
