// How probes went and how long they took, while their pods are there: /metrics/probes. Upstream: pkg/kubelet/prober.
import { Counter, Histogram, Registry } from 'prom-client';
import { uidOf } from '../pods/pod-text.ts';
import type { ProbeResult, ProbeTarget } from './probe-result.ts';

const words = { success: 'successful', failure: 'failed', unknown: 'unknown' } as const;

type Label = 'container' | 'namespace' | 'pod' | 'pod_uid' | 'probe_type' | 'result';
type Labels = Record<Label, string>;

export class ProbeMetrics {
  readonly registry = new Registry();
  readonly #known = new Map<string, Map<string, Labels>>();
  readonly #total: Counter<Label>;
  readonly #duration: Histogram<Exclude<Label, 'result'>>;

  constructor() {
    const registers = [this.registry];
    const labelNames = ['container', 'namespace', 'pod', 'pod_uid', 'probe_type'] as const;
    this.#total = new Counter({
      name: 'prober_probe_total',
      help: 'Probes of containers, by how they went.',
      labelNames: [...labelNames, 'result'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'prober_probe_duration_seconds',
      help: 'Seconds that a probe took.',
      labelNames,
      registers,
    });
  }

  observe(
    target: ProbeTarget,
    kind: string,
    { result, durationMs }: { result: ProbeResult; durationMs: number },
  ): void {
    const { name = '', namespace = '' } = target.pod.metadata;
    const uid = uidOf(target.pod);
    const base = { container: target.container.name, namespace, pod: name, pod_uid: uid, probe_type: kind };
    const labels = { ...base, result: words[result.outcome] };
    this.#total.inc(labels);
    this.#duration.observe(base, durationMs / 1000);
    const known = this.#known.get(uid) ?? new Map();
    this.#known.set(uid, known.set(JSON.stringify(labels), labels));
  }

  forgetPod(uid: string): void {
    for (const labels of this.#known.get(uid)?.values() ?? []) {
      this.#total.remove(labels);
      const { result: _, ...base } = labels;
      this.#duration.remove(base);
    }
    this.#known.delete(uid);
  }
}
