// The workloads of upstream's scheduler_perf, with the thresholds they are held against there (pods a second).
// https://github.com/kubernetes/kubernetes/tree/master/test/integration/scheduler_perf
import type { Service } from '../api/core/service.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../test/builders/scheduling.ts';

export interface PerfCase {
  name: string;
  threshold?: number;
  nodes: number;
  makeNode(i: number): NodeBuilder;
  /** Pods that are there before; unless said otherwise, like the measured ones. */
  before: number;
  makeBefore?(i: number): PodBuilder;
  /** How many services there are. */
  services?: number;
  /** What waits all the time without being looked at. */
  gated?: { count: number; make(i: number): PodBuilder };
  measured: number;
  make(i: number): PodBuilder;
  /** What happens meanwhile, again and again. */
  meanwhile?: { everyMs: number; pod?(i: number): PodBuilder; node?(i: number): NodeBuilder; endsPods?: number };
}

const zoneKey = 'topology.kubernetes.io/zone';
const hostname = 'kubernetes.io/hostname';

const plain = (name: string) => pod(name).asks({ cpu: '100m', memory: '500Mi' });
const plainNode = (i: number) => node(`n${i}`).has({ memory: '32Gi' });
const inZones = (zones: number) => (i: number) => plainNode(i).labels({ [zoneKey]: `zone${1 + (i % zones)}` });
const selecting = (topologyKey: string, color: string) => ({
  topologyKey,
  labelSelector: { matchLabels: { color } },
});
const required = (topologyKey: string, color: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [selecting(topologyKey, color)],
});
const preferred = (topologyKey: string, color: string) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: selecting(topologyKey, color) }],
});
const near = (name: string) =>
  plain(name)
    .labels({ color: 'blue' })
    .affinity({ podAffinity: required(zoneKey, 'blue') });
const apart = (name: string) =>
  plain(name)
    .labels({ color: 'green' })
    .affinity({ podAntiAffinity: required(hostname, 'green') });
const ratherNear = (name: string) =>
  plain(name)
    .labels({ color: 'red' })
    .affinity({ podAffinity: preferred(hostname, 'red') });
const ratherApart = (name: string) =>
  plain(name)
    .labels({ color: 'yellow' })
    .affinity({ podAntiAffinity: preferred(hostname, 'yellow') });
const spread = (name: string, whenUnsatisfiable: string) =>
  plain(name)
    .labels({ color: 'blue' })
    .spread({ maxSkew: 5, whenUnsatisfiable, ...selecting(zoneKey, 'blue') });
/** A service of its own, and one of its pods. */
export const serviceOf = (i: number) =>
  ({ metadata: { name: `s${i}`, namespace: 'default' }, spec: { selector: { app: `s${i}` } } }) as unknown as Service;
const services = 500;
const served = (name: string, i: number) => plain(name).labels({ app: `s${i % services}` });
const nodeAffinity = (expressions: object) => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [expressions] } },
});
const inZone = { matchExpressions: [{ key: zoneKey, operator: 'In', values: ['zone1', 'zone2'] }] };
const onNode = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n0'] }] };
const low = (i: number) => pod(`low${i}`).priority(-1).asks({ cpu: '900m', memory: '500Mi' });
const high = (i: number) => pod(`high${i}`).priority(10).asks({ cpu: '3', memory: '500Mi' });
const tooLarge = (i: number) => pod(`large${i}`).priority(10).asks({ cpu: '9', memory: '500Mi' });
const mixed = [plain, near, apart, ratherNear, ratherApart];
const huge = { cpu: '40000', memory: '320Ti', pods: '60000' };

const standard = { nodes: 5_000, makeNode: plainNode, before: 5_000, measured: 5_000 };
const spreadOut = { ...standard, makeNode: inZones(3), makeBefore: (i: number) => plain(`b${i}`) };
const byName = (make: (name: string) => PodBuilder) => (i: number) => make(`p${i}`);

export const cases: PerfCase[] = [
  { ...standard, name: 'Basic', threshold: 680, before: 1_000, measured: 10_000, make: byName(plain) },
  {
    ...spreadOut,
    name: 'TopologySpreading',
    threshold: 460,
    make: (i) => spread(`p${i}`, 'DoNotSchedule'),
  },
  {
    ...spreadOut,
    name: 'PreferredTopologySpreading',
    threshold: 340,
    make: (i) => spread(`p${i}`, 'ScheduleAnyway'),
  },
  // Pods of many services in turn, which say nothing of how they are spread. Upstream has none like it.
  {
    ...spreadOut,
    name: 'DefaultTopologySpreading',
    services,
    makeBefore: (i) => served(`b${i}`, i),
    make: (i) => served(`p${i}`, i),
  },
  {
    ...standard,
    name: 'MixedChurn',
    threshold: 710,
    before: 0,
    measured: 10_000,
    make: byName(plain),
    meanwhile: { everyMs: 1_000, pod: tooLarge, node: () => plainNode(9_999) },
  },
  {
    name: 'Gated',
    threshold: 910,
    nodes: 1,
    makeNode: (i) => node(`n${i}`).has(huge),
    gated: { count: 10_000, make: (i) => pod(`gated${i}`).gate('wait') },
    before: 20_000,
    makeBefore: (i) => pod(`b${i}`),
    measured: 20_000,
    make: byName(pod),
    meanwhile: { everyMs: 100, endsPods: 5 },
  },
  {
    ...standard,
    name: 'NodeAffinity',
    threshold: 220,
    makeNode: inZones(1),
    measured: 10_000,
    make: (i) => plain(`p${i}`).affinity(nodeAffinity(inZone)),
  },
  { ...standard, name: 'PodAntiAffinity', threshold: 60, before: 1_000, measured: 2_000, make: byName(apart) },
  { ...standard, name: 'PodAffinity', threshold: 35, makeNode: inZones(1), make: byName(near) },
  { ...standard, name: 'PreferredPodAffinity', threshold: 90, make: byName(ratherNear) },
  { ...standard, name: 'PreferredPodAntiAffinity', threshold: 90, make: byName(ratherApart) },
  {
    ...standard,
    name: 'MixedSchedulingBasePod',
    threshold: 140,
    makeNode: inZones(1),
    before: 10_000,
    makeBefore: (i) => mixed[Math.floor(i / 2_000)]!(`b${i}`),
    make: byName(plain),
  },
  {
    ...standard,
    name: 'Unschedulable',
    threshold: 590,
    before: 100,
    measured: 10_000,
    make: byName(plain),
    meanwhile: { everyMs: 200, pod: tooLarge },
  },
  {
    ...standard,
    name: 'Preemption',
    threshold: 570,
    before: 20_000,
    makeBefore: low,
    make: byName(plain),
    meanwhile: { everyMs: 200, pod: high },
  },
  // Upstream holds this one against nothing.
  {
    name: 'PreemptionBasic',
    nodes: 1_000,
    makeNode: plainNode,
    before: 4_000,
    makeBefore: low,
    measured: 1_000,
    make: high,
  },
  {
    name: 'Daemonset',
    threshold: 1100,
    nodes: 15_000,
    makeNode: (i) => (i === 0 ? node('n0').has(huge) : plainNode(i)),
    before: 0,
    measured: 30_000,
    make: (i) => pod(`p${i}`).affinity(nodeAffinity(onNode)),
  },
];
