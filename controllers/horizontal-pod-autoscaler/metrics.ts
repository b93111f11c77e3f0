// One metric of an autoscaler: asked for, held against its target, and shown in the status. Upstream:
// computeReplicasForMetric of pkg/controller/podautoscaler, whose reasons and texts these are.
import type {
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/autoscaling/horizontalpodautoscaler/metrics.ts';
import type { Pod } from '../../api/core/pod.ts';
import { messageOf } from '../../machinery/errors.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import { formatQuantity, type QuantityFormat, quantityMilliValue } from '../../machinery/quantity.ts';
import { showSelector } from '../disruption/disruption.ts';
import type { MetricsClient } from './metrics-client.ts';
import {
  type Proposal,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type Tolerances,
} from './replicas.ts';

export interface MetricInput {
  client: MetricsClient;
  namespace: string;
  /** Of the pods, as text. */
  selector: string;
  pods: readonly Pod[];
  /** As the scale asks for them, and as there are. */
  current: number;
  running: number;
  tolerances: Tolerances;
  nowMs: number;
}

export interface Computed {
  replicas: number;
  /** What a rescale is said to come from. */
  name: string;
  status: MetricStatus;
}

/** A metric could not be had or says nothing; `detail` is the event's and condition's text, the message the caller's. */
export class MetricError extends Error {
  readonly reason: string;
  readonly detail: string;

  constructor(reason: string, detail: string, message: string) {
    super(message);
    this.reason = reason;
    this.detail = detail;
  }
}

const milliText = (milli: number, format: QuantityFormat = 'DecimalSI') =>
  formatQuantity({ nanos: BigInt(Math.trunc(milli)) * 1_000_000n, format });
const milliOf = (target: string | undefined) => quantityMilliValue(target);

/** What Go shows of a selector that may be absent. */
const shown = (selector: LabelSelector | undefined) => (selector ? showSelector(selector) : 'nil');

async function within<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    throw new Error(`${prefix}: ${messageOf(err)}`, { cause: err });
  }
}

/** Throws MetricError. */
export async function computeMetric(spec: MetricSpec, input: MetricInput): Promise<Computed> {
  const { type, resource, containerResource, pods, object, external } = spec;
  const attempt = async (reason: string, prefix: string, work: () => Promise<Computed>): Promise<Computed> => {
    try {
      return await work();
    } catch (err) {
      throw new MetricError(reason, messageOf(err), `${prefix}: ${messageOf(err)}`);
    }
  };
  if (type === 'Resource' && resource) {
    return attempt('FailedGetResourceMetric', `failed to get ${resource.name} resource metric value`, async () => {
      const { current, ...rest } = await ofResource({ resource: resource.name }, resource.target, input);
      return { ...rest, status: { type, resource: { name: resource.name, current } } };
    });
  }
  if (type === 'ContainerResource' && containerResource) {
    const { name, container, target } = containerResource;
    return attempt(
      'FailedGetContainerResourceMetric',
      `failed to get ${container} container metric value`,
      async () => {
        const { current, ...rest } = await ofResource({ resource: name, container }, target, input);
        return { ...rest, status: { type, containerResource: { name, container, current } } };
      },
    );
  }
  if (type === 'Pods' && pods) {
    return attempt('FailedGetPodsMetric', 'failed to get pods metric value', () => ofPods(pods, input));
  }
  if (type === 'Object' && object) {
    return attempt('FailedGetObjectMetric', 'failed to get object metric value', () => ofObject(object, input));
  }
  if (type === 'External' && external) {
    const prefix = `failed to get ${external.metric.name} external metric value`;
    return attempt('FailedGetExternalMetric', prefix, () => ofExternal(external, input));
  }
  const message = `unknown metric source type ${JSON.stringify(type)}`;
  throw new MetricError('InvalidMetricSourceType', message, message);
}

interface ResourceResult {
  replicas: number;
  name: string;
  current: MetricValueStatus;
}

async function ofResource(
  what: { resource: string; container?: string },
  target: MetricTarget,
  input: MetricInput,
): Promise<ResourceResult> {
  const { resource, container } = what;
  const format = resource === 'memory' ? 'BinarySI' : 'DecimalSI';
  const { averageValue, averageUtilization } = target;
  if (averageValue === undefined && averageUtilization === undefined) {
    throw new Error(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const kind = averageValue === undefined ? 'utilization' : 'usage';
  const proposal = await within(`failed to get ${resource} ${kind}`, async () => {
    const metrics = await within(`unable to get metrics for resource ${resource}`, () =>
      input.client.ofResource(input.namespace, input.selector, what),
    );
    return averageValue === undefined
      ? replicasForUtilization({ ...input, ...what, metrics }, averageUtilization!)
      : replicasForAverage({ ...input, resource, metrics }, milliOf(averageValue));
  });
  const { replicas, usage, utilization } = proposal;
  const use = { averageValue: milliText(usage, format) };
  if (utilization === undefined) return { replicas, name: `${resource} resource`, current: use };
  const of = container === undefined ? 'resource' : 'container resource';
  const name = `${resource} ${of} utilization (percentage of request)`;
  return { replicas, name, current: { averageUtilization: utilization, ...use } };
}

async function ofPods({ metric, target }: NonNullable<MetricSpec['pods']>, input: MetricInput): Promise<Computed> {
  const metrics = await within(`unable to get metric ${metric.name}`, () =>
    input.client.ofPods(input.namespace, input.selector, metric),
  );
  const { replicas, usage } = replicasForAverage({ ...input, metrics }, milliOf(target.averageValue));
  const current = { averageValue: milliText(usage) };
  return { replicas, name: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current } } };
}

async function ofObject(spec: NonNullable<MetricSpec['object']>, input: MetricInput): Promise<Computed> {
  const { describedObject, metric, target } = spec;
  const { kind, name } = describedObject;
  const read = () =>
    within(`unable to get metric ${metric.name} on ${kind} ${input.namespace}/${name}`, () =>
      input.client.ofObject(input.namespace, describedObject, metric),
    );
  const status = (current: MetricValueStatus): MetricStatus => ({
    type: 'Object',
    object: { current, describedObject, metric },
  });
  if (target.type === 'Value' && target.value !== undefined) {
    const { replicas, usage } = replicasForValue(input, await read(), milliOf(target.value));
    return { replicas, name: `${kind} metric ${metric.name}`, status: status({ value: milliText(usage) }) };
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const usage = await within(`failed to get ${metric.name} object metric`, read);
    const share = replicasForShare(input, usage, milliOf(target.averageValue));
    return { ...named(metric, share), status: status({ averageValue: milliText(share.usage) }) };
  }
  throw new Error('invalid object metric source: neither a value target nor an average value target was set');
}

const named = (metric: { name: string; selector?: LabelSelector }, { replicas }: Proposal) => ({
  replicas,
  name: `external metric ${metric.name}(${shown(metric.selector)})`,
});

async function ofExternal(
  { metric, target }: NonNullable<MetricSpec['external']>,
  input: MetricInput,
): Promise<Computed> {
  const { value, averageValue } = target;
  if (value === undefined && averageValue === undefined) {
    throw new Error('invalid external metric source: neither a value target nor an average value target was set');
  }
  const where = `${input.namespace}/${metric.name}/${shown(metric.selector)}`;
  const prefix =
    averageValue === undefined
      ? `failed to get external metric ${metric.name}`
      : `failed to get ${metric.name} external metric`;
  const proposal = await within(prefix, async () => {
    const usage = await within(`unable to get external metric ${where}`, () =>
      input.client.external(input.namespace, metric),
    );
    return averageValue === undefined
      ? replicasForValue(input, usage, milliOf(value))
      : replicasForShare(input, usage, milliOf(averageValue));
  });
  const text = milliText(proposal.usage);
  const current = averageValue === undefined ? { value: text } : { averageValue: text };
  return { ...named(metric, proposal), status: { type: 'External', external: { metric, current } } };
}
