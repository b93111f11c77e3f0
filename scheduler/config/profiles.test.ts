// What a KubeSchedulerConfiguration makes of the plugins, and what is said of one that is wrong.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../../machinery/config-file.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { SchedulerCache } from '../cache/cache.ts';
import { schedulePod } from '../cycle.ts';
import { describeFailure } from '../fit-error.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { plugins as defaultPlugins } from '../plugins/index.ts';
import { schedulerConfigForm } from './configuration.ts';
import { buildProfiles } from './profiles.ts';

const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const read = (config: object) =>
  buildProfiles(parseConfig(JSON.stringify({ ...head, ...config }), 'f.yaml', schedulerConfigForm));
const profile = (parts: object) => read({ profiles: [parts] })[0]!;
const args = (name: string, of: object) => ({ pluginConfig: [{ name, args: of }] });
const term = (value: string) => ({ matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] });

test('without a word of profiles there is the default one', () => {
  const [one, ...others] = read({});
  assert.equal(others.length, 0);
  assert.equal(one?.name, 'default-scheduler');
  assert.deepEqual(
    one?.plugins.map(({ plugin, weight }) => [plugin.name, weight, Object.keys(plugin).sort()]),
    defaultPlugins.map(({ plugin, weight }) => [plugin.name, weight, Object.keys(plugin).sort()]),
  );
});

describe('plugins of a profile', () => {
  /** The points at which a plugin is called, and its weight. */
  const shown = (plugins: object, name: string) => {
    const found = profile({ plugins }).plugins.find(({ plugin }) => plugin.name === name);
    if (!found) return 'none';
    const methods = ['preFilter', 'filter', 'preScore', 'score'] as const;
    return `${methods.filter((method) => found.plugin[method]).join()} ${found.weight}`;
  };
  const all = 'preFilter,filter,preScore,score';
  const cases: [what: string, plugins: object, name: string, want: string][] = [
    ['as they are', {}, 'NodeAffinity', `${all} 2`],
    ['another weight', { multiPoint: { enabled: [{ name: 'NodeAffinity', weight: 7 }] } }, 'NodeAffinity', `${all} 7`],
    ['a weight of one', { multiPoint: { enabled: [{ name: 'NodeAffinity' }] } }, 'NodeAffinity', `${all} 1`],
    [
      'another weight of score',
      { score: { enabled: [{ name: 'NodeAffinity', weight: 9 }] } },
      'NodeAffinity',
      `${all} 9`,
    ],
    ['nowhere', { multiPoint: { disabled: [{ name: 'NodeAffinity' }] } }, 'NodeAffinity', 'none'],
    ['not there', { score: { disabled: [{ name: 'NodeAffinity' }] } }, 'NodeAffinity', 'preFilter,filter,preScore 2'],
    ['no score at all', { score: { disabled: [{ name: '*' }] } }, 'ImageLocality', 'preScore 1'],
    [
      'none but those that are named',
      {
        multiPoint: {
          disabled: [{ name: '*' }],
          enabled: [{ name: 'PrioritySort' }, { name: 'DefaultBinder' }, { name: 'NodeName' }],
        },
      },
      'NodeAffinity',
      'none',
    ],
    [
      'only where they are named',
      { multiPoint: { disabled: [{ name: 'NodeAffinity' }] }, filter: { enabled: [{ name: 'NodeAffinity' }] } },
      'NodeAffinity',
      'filter 2',
    ],
  ];
  for (const [what, plugins, name, want] of cases) test(what, () => assert.equal(shown(plugins, name), want));
});

describe('refused', () => {
  const one = (parts: object) => ({ profiles: [parts] });
  const ratio = (requestedToCapacityRatio: object) =>
    one(args('NodeResourcesFit', { scoringStrategy: { type: 'RequestedToCapacityRatio', requestedToCapacityRatio } }));
  const extending = (...parts: object[]) => ({
    extenders: parts.map((rest) => ({ urlPrefix: 'http://127.0.0.1', ...rest })),
  });
  const spread = (defaultConstraints: object[], defaultingType = 'List') =>
    one(args('PodTopologySpread', { defaultConstraints, defaultingType }));
  const cases: [config: object, why: RegExp][] = [
    [
      { apiVersion: 'v1' },
      /must have apiVersion kubescheduler\.config\.k8s\.io\/v1 and kind KubeSchedulerConfiguration$/,
    ],
    [{ profile: [] }, /unknown field "profile"$/],
    [one({ plugins: { filter: { enable: [] } } }), /unknown field "profiles\[0\]\.plugins\.filter\.enable"$/],
    [{ percentageOfNodesToScore: 101 }, /percentageOfNodesToScore: Invalid value: 101: not in valid range \[0-100\]$/],
    [{ parallelism: 0 }, /parallelism: Invalid value: 0: should be an integer value greater than zero$/],
    [{ podInitialBackoffSeconds: 0 }, /podInitialBackoffSeconds: Invalid value: 0: must be greater than 0$/],
    [{ podMaxBackoffSeconds: 0 }, /must be greater than or equal to PodInitialBackoffSeconds$/],
    [extending({ urlPrefix: 'file:///x' }), /extenders\[0\]\.urlPrefix: .*must be an absolute http or https URL$/],
    [extending({ prioritizeVerb: 'p' }), /extenders\[0\]\.weight: .* 0: must have a positive weight applied to it$/],
    [extending({ httpTimeout: '5' }), /extenders\[0\]\.httpTimeout: .*time: missing unit in duration "5"$/],
    [
      extending({ managedResources: [{ name: 'cpu' }, { name: 'a b' }] }),
      /managedResources\[0\]\.name: .*"cpu": is an invalid extended resource name; .*\[1\]\.name: .*"a b": name part must consist of/,
    ],
    [
      extending({ managedResources: [{ name: 'a.b/c' }] }, { managedResources: [{ name: 'a.b/c' }] }),
      /extenders\[1\]\.managedResources\[0\]\.name: .*duplicate extender managed resource name$/,
    ],
    [
      extending({ bindVerb: 'b' }, { bindVerb: 'b' }),
      /extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind$/,
    ],
    [{ profiles: [{}, { schedulerName: 'b' }] }, /profiles\[0\]\.schedulerName: Required value$/],
    [
      { profiles: [{ schedulerName: 'b' }, { schedulerName: 'b' }] },
      /profiles\[1\]\.schedulerName: Duplicate value: "profiles\[0\]\.schedulerName"$/,
    ],
    [
      one({ schedulerName: 's', plugins: { filter: { enabled: [{ name: 'Mine' }] } } }),
      /^initializing profiles: creating profile for scheduler name s: FilterPlugin "Mine" does not exist$/,
    ],
    [
      one({ plugins: { score: { enabled: [{ name: 'NodeName' }] } } }),
      /plugin "NodeName" does not extend ScorePlugin plugin$/,
    ],
    [
      one({ plugins: { filter: { enabled: [{ name: 'NodeName' }, { name: 'NodeName' }] } } }),
      /plugin "NodeName" already registered as "FilterPlugin"$/,
    ],
    [
      one({ plugins: { bind: { disabled: [{ name: '*' }] } } }),
      /at least one bind plugin is needed for profile with scheduler name "default-scheduler"$/,
    ],
    [
      one({ plugins: { queueSort: { disabled: [{ name: 'PrioritySort' }] } } }),
      /only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0$/,
    ],
    [one(args('NodeName', {})), /profiles\[0\]\.pluginConfig\[0\]: Forbidden: arguments of plugin "NodeName" are not/],
    [one(args('NodeAffinity', { kind: 'InterPodAffinityArgs' })), /args: Invalid value: .*: has to match plugin args$/],
    [one(args('NodeAffinity', { added: {} })), /args: Invalid value: .*: unknown field "added"$/],
    [
      one(args('NodeAffinity', { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } })),
      /args\.addedAffinity\.requiredDuringSchedulingIgnoredDuringExecution\.nodeSelectorTerms: Required value/,
    ],
    [
      one(args('InterPodAffinity', { hardPodAffinityWeight: 101 })),
      /pluginConfig\[0\]\.args\.hardPodAffinityWeight: Invalid value: 101: not in valid range \[0, 100\]$/,
    ],
    [
      one(args('DefaultPreemption', { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 })),
      /minCandidateNodesPercentage: .*cannot be zero at the same time as minCandidateNodesAbsolute;/,
    ],
    [
      one(args('NodeResourcesFit', { scoringStrategy: { type: 'Least' } })),
      /scoringStrategy\.type: Unsupported value: "Least": supported values: "LeastAllocated", "MostAllocated", "Requ/,
    ],
    [
      one(args('NodeResourcesFit', { ignoredResourceGroups: ['a/b'] })),
      /ignoredResourceGroups\[0\]: Invalid value: "a\/b": resource group name can't contain '\/'$/,
    ],
    [
      spread([{ maxSkew: 1 }], 'System'),
      /defaultingType: Invalid value: "System": when .defaultConstraints are not empty/,
    ],
    [spread([], 'None'), /defaultingType: Unsupported value: "None": supported values: "System", "List"$/],
    [
      spread([{ maxSkew: 0, topologyKey: '', labelSelector: {} }]),
      /maxSkew: .* not in valid range \(0, inf\); .*Key: Required value: can not be empty; .*whenUns.*: can not be empty; .*labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod$/,
    ],
    [spread([{ maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'No' }]), /supported values: "DoNotSchedule", "Sched/],
    [
      spread(['a', 'b', 'a'].map((topologyKey) => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule' }))),
      /args\.defaultConstraints\[2\]: Duplicate value: "\{a, DoNotSchedule\}"$/,
    ],
    [ratio({}), /requestedToCapacityRatio\.shape: Required value: at least one point must be specified$/],
    [
      ratio({
        shape: [
          { utilization: 50, score: 1 },
          { utilization: 50, score: 11 },
        ],
      }),
      /shape\[1\]\.utilization: .* sorted in increasing order; .*shape\[1\]\.score: .*not in valid range \[0, 10\]$/,
    ],
  ];
  for (const [config, why] of cases) test(String(why), () => assert.throws(() => read(config), { message: why }));
});

describe('arguments', () => {
  const place = (parts: object, wanted: PodBuilder, nodes: NodeBuilder[], others: PodBuilder[] = []): string => {
    const cache = new SchedulerCache();
    cache.setNamespace('default', {});
    for (const n of nodes) cache.setNode(n.build());
    for (const p of others) cache.setPod(p.build());
    const info = podInfoOf(wanted.build());
    const result = schedulePod(profile(parts).plugins, info, cache, { startIndex: 0, random: () => 0 });
    return result.type === 'found' ? result.node.name : describeFailure(result);
  };
  const strategy = (scoringStrategy: object) => ({
    ...args('NodeResourcesFit', { scoringStrategy }),
    plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit' }] } },
  });
  const nodes = () => [node('empty'), node('half'), node('full')];
  const others = () => [pod('h').asks({ cpu: '2', memory: '4Gi' }), pod('f').asks({ cpu: '3', memory: '6Gi' })];
  const filled = () => [others()[0]!.on('half'), others()[1]!.on('full')];
  const small = () => pod('p').asks({ cpu: '100m', memory: '100Mi' });
  const shape = [
    { utilization: 0, score: 0 },
    { utilization: 55, score: 10 },
    { utilization: 100, score: 0 },
  ];
  const cases: [what: string, parts: object, want: string][] = [
    ['least allocated', strategy({ type: 'LeastAllocated' }), 'empty'],
    ['most allocated', strategy({ type: 'MostAllocated' }), 'full'],
    ['a shape', strategy({ type: 'RequestedToCapacityRatio', requestedToCapacityRatio: { shape } }), 'half'],
    [
      'a resource that the pod does not ask for',
      strategy({ type: 'MostAllocated', resources: [{ name: 'example.com/gpu', weight: 5 }, { name: 'cpu' }] }),
      'full',
    ],
  ];
  for (const [what, parts, want] of cases)
    test(`scoring strategy: ${what}`, () => assert.equal(place(parts, small(), nodes(), filled()), want));

  test('resources that are not looked at', () => {
    const wanted = pod('p').asks({ 'example.com/gpu': '1' });
    assert.match(place({}, wanted, [node('n')]), /1 Insufficient example.com\/gpu/);
    assert.equal(place(args('NodeResourcesFit', { ignoredResources: ['example.com/gpu'] }), wanted, [node('n')]), 'n');
    assert.equal(place(args('NodeResourcesFit', { ignoredResourceGroups: ['example.com'] }), wanted, [node('n')]), 'n');
  });

  test('added affinity holds for every pod', () => {
    const required = { nodeSelectorTerms: [term('ssd')] };
    const parts = args('NodeAffinity', { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } });
    assert.equal(place(parts, pod('p'), [node('a'), node('b').labels({ disk: 'ssd' })]), 'b');
    assert.match(place(parts, pod('p'), [node('a')]), /: 1 node\(s\) didn't match scheduler-enforced node affinity\./);
    const preferred = [{ weight: 1, preference: term('ssd') }];
    const rather = args('NodeAffinity', {
      addedAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred },
    });
    assert.equal(place(rather, pod('p'), [node('a'), node('b').labels({ disk: 'ssd' })]), 'b');
  });

  test('what required affinity of others is worth', () => {
    const podAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { a: 'b' } } },
      ],
    };
    const there = [pod('o').on('b').affinity({ podAffinity })];
    const wanted = pod('p').labels({ a: 'b' });
    assert.equal(place({}, wanted, [node('a'), node('b')], there), 'b');
    const nothing = args('InterPodAffinity', { hardPodAffinityWeight: 0 });
    assert.equal(place(nothing, wanted, [node('a'), node('b')], there), 'a');
    const ignored = args('InterPodAffinity', { ignorePreferredTermsOfExistingPods: true });
    assert.equal(place(ignored, wanted, [node('a'), node('b')], there), 'a');
  });
});
