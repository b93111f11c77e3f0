// metrics.k8s.io/v1beta1: what nodes and pods use, for `kubectl top` and autoscalers. Upstream: pkg/api of metrics-server.
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Lister } from '../../client/store.ts';
import { formatGoDuration } from '../../machinery/duration.ts';
import { notFoundError, unknownPathError } from '../../machinery/errors.ts';
import { matchesLabels } from '../../machinery/labels.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { addQuantities } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Pair } from './points.ts';
import { type NodeLook, nodeUsage, type PodUsage, podUsage, type Usage } from './resource-usage.ts';
import { type Asked, parseSelector, type ServedApi } from './served-api.ts';

const group = 'metrics.k8s.io';
const version = 'v1beta1';
const apiVersion = `${group}/${version}`;

export interface ResourceApiDeps {
  nodes: Pick<Lister<Node>, 'get' | 'list'>;
  pods: Pick<Lister<Pod>, 'get' | 'list' | 'inNamespace'>;
  /** Two looks at a node; undefined where it does not answer. */
  look(node: string): Promise<Pair<NodeLook> | undefined>;
  now(): number;
}

interface Metrics {
  metadata: { name: string; namespace?: string };
  window: string;
  usage: Usage['usage'];
  object: object;
}

/** One of the two resources: its objects, and what they use. */
interface Measurable {
  kind: string;
  all(asked: Asked): KubeObject[];
  one(key: string): KubeObject | undefined;
  measure(objects: readonly KubeObject[]): Promise<Metrics[]>;
}

export function resourceApi(deps: ResourceApiDeps): ServedApi {
  const verbs = ['get', 'list'];
  const nodes: Measurable = {
    kind: 'NodeMetrics',
    all: () => deps.nodes.list(),
    one: (key) => deps.nodes.get(key),
    measure: (objects) => nodeMetrics(deps, objects as Node[]),
  };
  const pods: Measurable = {
    kind: 'PodMetrics',
    all: ({ namespace }) => (namespace === '' ? deps.pods.list() : deps.pods.inNamespace(namespace)),
    one: (key) => deps.pods.get(key),
    measure: (objects) => podMetrics(deps, objects as Pod[]),
  };
  return {
    group,
    version,
    resources: () => [
      { name: 'nodes', singularName: '', namespaced: false, kind: nodes.kind, verbs },
      { name: 'pods', singularName: '', namespaced: true, kind: pods.kind, verbs },
    ],
    async answer(asked) {
      const { resource, subresource, namespace, name, asTable } = asked;
      const of = resource === 'nodes' && namespace === '' ? nodes : resource === 'pods' ? pods : undefined;
      if (!of || subresource !== '') throw unknownPathError();
      if (name === '') return list(of.kind, asked, await of.measure(selected(asked, of.all(asked))));
      const key = of === nodes ? name : `${namespace}/${name}`;
      const found = of.one(key);
      const [only] = found ? await of.measure([found]) : [];
      if (!only) throw notFoundError({ group, resource: of.kind.toLowerCase() }, key);
      return asTable ? table([only]) : { kind: of.kind, apiVersion, ...only.object };
    },
  };
}

/** Those that the selectors leave, in the order of their names. */
function selected<T extends KubeObject>({ query }: Asked, all: readonly T[]): T[] {
  const fields = parseSelector(query.get('fieldSelector'));
  const labels = parseSelector(query.get('labelSelector'));
  const keyOf = ({ metadata: { namespace = '', name = '' } }: T) => `${namespace}/${name}`;
  return all
    .filter(({ metadata }) => {
      const { name = '', namespace = '' } = metadata;
      const shown = { 'metadata.name': name, 'metadata.namespace': namespace };
      return matchesLabels(labels, metadata.labels) && matchesLabels(fields, shown);
    })
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

async function looksAt(deps: ResourceApiDeps, names: Iterable<string>): Promise<Map<string, Pair<NodeLook>>> {
  const looks = await Promise.all([...new Set(names)].map(async (name) => [name, await deps.look(name)] as const));
  return new Map(looks.filter((one): one is [string, Pair<NodeLook>] => one[1] !== undefined));
}

const metadataOf = ({ metadata: { name = '', namespace, labels } }: KubeObject, nowMs: number) => ({
  name,
  ...(namespace ? { namespace } : {}),
  creationTimestamp: timestamp(nowMs),
  ...(labels ? { labels } : {}),
});

function entry(object: KubeObject, nowMs: number, { atMs, windowMs, ...of }: Usage | PodUsage): Metrics {
  const usage = 'usage' in of ? of.usage : sumOf(of.containers);
  const metadata = metadataOf(object, nowMs);
  const window = formatGoDuration(windowMs);
  return { metadata, window, usage, object: { metadata, timestamp: timestamp(atMs), window, ...of } };
}

function sumOf(containers: PodUsage['containers']): Usage['usage'] {
  const add = (a: Usage['usage'], b: Usage['usage']) => ({
    cpu: addQuantities(a.cpu, b.cpu),
    memory: addQuantities(a.memory, b.memory),
  });
  return containers.map(({ usage }) => usage).reduce(add);
}

async function nodeMetrics(deps: ResourceApiDeps, nodes: readonly Node[]): Promise<Metrics[]> {
  const looks = await looksAt(
    deps,
    nodes.map(({ metadata }) => metadata.name ?? ''),
  );
  return nodes.flatMap((node) => {
    const pair = looks.get(node.metadata.name ?? '');
    const use = pair && nodeUsage(pair);
    return use ? [entry(node, deps.now(), use)] : [];
  });
}

async function podMetrics(deps: ResourceApiDeps, pods: readonly Pod[]): Promise<Metrics[]> {
  const running = pods.filter(({ status, spec }) => status?.phase === 'Running' && spec.nodeName);
  const looks = await looksAt(
    deps,
    running.map(({ spec }) => spec.nodeName!),
  );
  return running.flatMap((pod) => {
    const pair = looks.get(pod.spec.nodeName!);
    const use = pair && podUsage(pair, `${pod.metadata.namespace}/${pod.metadata.name}`);
    return use ? [entry(pod, deps.now(), use)] : [];
  });
}

function list(kind: string, { asTable }: Asked, items: readonly Metrics[]): object {
  if (asTable) return table(items);
  return { kind: `${kind}List`, apiVersion, metadata: {}, items: items.map(({ object }) => object) };
}

const column = (name: string, format: string, description = '') => ({
  name,
  type: 'string',
  format,
  description,
  priority: 0,
});

function table(items: readonly Metrics[]): object {
  const columns = [
    column('Name', 'name', 'Name of the resource'),
    column('cpu', 'quantity'),
    column('memory', 'quantity'),
    column('Window', 'duration'),
  ];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: columns,
    rows: items.map(({ metadata: of, usage, window }) => ({
      cells: [of.name, usage.cpu, usage.memory, window],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: of },
    })),
  };
}
