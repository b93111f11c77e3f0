// One extender: what it is asked, and how its answers are understood. Upstream: HTTPExtender; the messages are those of
// k8s.io/kube-scheduler/extender/v1, whose field names are read in any case of letters.
import type { Pod } from '../../api/core/pod.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isObject } from '../../machinery/json.ts';
import type { ExtenderConfig } from '../config/extender-config.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { maxScore, type Preemption } from '../framework/plugin.ts';
import { ExtenderClient, ExtenderError } from './extender-client.ts';

/** Extenders give so many points at most. */
const maxExtenderScore = 10;

export interface FilterAnswer {
  passed: NodeInfo[];
  /** Reasons by node. */
  failed: ReadonlyMap<string, string>;
  /** Reasons by node where no pod's removal would help. */
  hopeless: ReadonlyMap<string, string>;
}

/** A value of an answer as its type wants it; null is what is not there. Throws ExtenderError for another one. */
function read<T>(value: unknown, type: string, is: (value: unknown) => value is T): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (is(value)) return value;
  const found = Array.isArray(value) ? 'array' : typeof value;
  throw new ExtenderError(`json: cannot unmarshal ${found} into Go value of type ${type}`);
}

const isText = (value: unknown) => typeof value === 'string';
const isInteger = (value: unknown): value is number => Number.isInteger(value);

/** A field of an answer. */
function fieldOf(value: unknown, name: string): unknown {
  const fields = read(value, 'struct', isObject) ?? {};
  const key = Object.keys(fields).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : fields[key];
}

const textOf = (value: unknown) => read(value, 'string', isText) ?? '';
const integerOf = (value: unknown) => read(value, 'int64', isInteger) ?? 0;
const listOf = (value: unknown): unknown[] => read(value, 'slice', Array.isArray) ?? [];
const entriesOf = (value: unknown): [string, unknown][] => Object.entries(read(value, 'map', isObject) ?? {});
const reasonsOf = (value: unknown) => new Map(entriesOf(value).map(([node, why]) => [node, textOf(why)]));

export class Extender {
  readonly config: ExtenderConfig;
  readonly #client: ExtenderClient;
  readonly #managed: ReadonlySet<string>;

  /** Throws ConfigFileError. */
  constructor(config: ExtenderConfig, clock: Clock) {
    this.config = config;
    this.#client = new ExtenderClient(config, clock);
    this.#managed = new Set((config.managedResources ?? []).map(({ name = '' }) => name));
  }

  close(): void {
    this.#client.close();
  }

  /** Whether the pod asks for something that it manages, if it does not manage all pods. */
  isInterestedIn({ spec }: Pod): boolean {
    if (this.#managed.size === 0) return true;
    const all = [...spec.containers, ...(spec.initContainers ?? [])];
    return all.some(({ resources = {} }) =>
      [resources.requests, resources.limits].some((list) => Object.keys(list ?? {}).some((r) => this.#managed.has(r))),
    );
  }

  #args(pod: Pod, nodes: readonly NodeInfo[]) {
    const knowsNodes = this.config.nodeCacheCapable;
    return {
      Pod: pod,
      Nodes: knowsNodes ? null : { metadata: {}, items: nodes.map(({ node }) => node) },
      NodeNames: knowsNodes ? nodes.map(({ name }) => name) : null,
    };
  }

  /** Which of the nodes it lets pass. Throws ExtenderError. */
  async filter(pod: Pod, nodes: readonly NodeInfo[]): Promise<FilterAnswer> {
    const answer = await this.#client.post(this.config.filterVerb!, this.#args(pod, nodes));
    const error = textOf(fieldOf(answer, 'Error'));
    if (error) throw new ExtenderError(error);
    const names = this.config.nodeCacheCapable ? fieldOf(answer, 'NodeNames') : undefined;
    const items = listOf(fieldOf(fieldOf(answer, 'Nodes'), 'items'));
    const passed = names ? listOf(names) : items.map((item) => fieldOf(fieldOf(item, 'metadata'), 'name'));
    const known = new Map(nodes.map((node) => [node.name, node]));
    return {
      passed: passed.map(textOf).map((name) => {
        const node = known.get(name);
        if (node) return node;
        const claim = `claims a filtered node ${JSON.stringify(name)} which is not found in the input node list`;
        throw new ExtenderError(`extender ${JSON.stringify(this.config.urlPrefix)} ${claim}`);
      }),
      failed: reasonsOf(fieldOf(answer, 'FailedNodes')),
      hopeless: reasonsOf(fieldOf(answer, 'FailedAndUnresolvableNodes')),
    };
  }

  /** What nodes gain, by name, on the scale of plugins' scores. Throws ExtenderError. */
  async prioritize(pod: Pod, nodes: readonly NodeInfo[]): Promise<[node: string, score: number][]> {
    const answer = await this.#client.post(this.config.prioritizeVerb!, this.#args(pod, nodes));
    const scale = ((this.config.weight ?? 0) * maxScore) / maxExtenderScore;
    return listOf(answer).map((one) => [textOf(fieldOf(one, 'Host')), integerOf(fieldOf(one, 'Score')) * scale]);
  }

  /** On which of the nodes which pods may have to go; `find` answers nodes. Throws ExtenderError. */
  async preempt(
    pod: Pod,
    candidates: readonly Preemption[],
    find: (name: string) => NodeInfo | undefined,
  ): Promise<Preemption[]> {
    const shown = (show: (victim: Pod) => object) =>
      Object.fromEntries(
        candidates.map(({ node, victims, violations }) => [
          node.name,
          { Pods: victims.map((victim) => show(victim.pod)), NumPDBViolations: violations },
        ]),
      );
    const knowsNodes = this.config.nodeCacheCapable;
    const answer = await this.#client.post(this.config.preemptVerb!, {
      Pod: pod,
      NodeNameToVictims: knowsNodes ? null : shown((victim) => victim),
      NodeNameToMetaVictims: knowsNodes ? shown(({ metadata }) => ({ UID: metadata.uid })) : null,
    });
    return entriesOf(fieldOf(answer, 'NodeNameToMetaVictims')).flatMap(([name, victims]) => {
      const node = find(name);
      if (!node) throw new ExtenderError(`nodeinfo not found for node name ${JSON.stringify(name)}`);
      const pods = listOf(fieldOf(victims, 'Pods')).map((one) => this.#victimOn(node, textOf(fieldOf(one, 'UID'))));
      if (pods.length > 0)
        return [{ node, victims: pods, violations: integerOf(fieldOf(victims, 'NumPDBViolations')) }];
      if (this.config.ignorable) return [];
      throw new ExtenderError(`expected at least one victim pod on node ${JSON.stringify(name)}`);
    });
  }

  #victimOn(node: NodeInfo, uid: string) {
    const info = node.pods.get(uid);
    if (info) return info;
    const where = `(UID: ${uid}) on node: ${node.name}, but the pod is not found on that node`;
    throw new ExtenderError(`extender: ${this.config.urlPrefix} claims to preempt pod ${where}`);
  }

  /** Has it bind the pod. Throws ExtenderError. */
  async bind({ metadata }: Pod, node: string): Promise<true> {
    const { name, namespace, uid } = metadata;
    const args = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    const error = textOf(fieldOf(await this.#client.post(this.config.bindVerb!, args), 'Error'));
    if (error) throw new ExtenderError(error);
    return true;
  }
}
