// What the RuntimeClass of a pod brings with it: its overhead, and the nodes that have it.
// https://kubernetes.io/docs/concepts/containers/runtime-class/
import type { Toleration } from '../../api/core/pod/scheduling.ts';
import type { RuntimeClass } from '../../api/node/runtimeclass.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, isPodCreation, refusal } from './plugin.ts';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  handles: isPodCreation,
  async mutate(request, deps) {
    const found = await classOf(request, deps);
    if (!found) return;
    const { spec } = request.object!;
    const overhead = found.overhead?.podFixed;
    if (found.overhead) {
      if (spec.overhead && !jsonEqual(spec.overhead, overhead ?? {})) throw refusal(request, overheadDiffers);
      if (overhead) spec.overhead = { ...overhead };
    }
    if (found.scheduling) mergeScheduling(request, found.scheduling);
  },
  async validate(request, deps) {
    const found = await classOf(request, deps);
    const overhead: Record<string, string> | undefined = request.object!.spec.overhead;
    if (!found?.overhead && overhead && Object.keys(overhead).length > 0) throw refusal(request, overheadWithoutClass);
    const isAsDefined = jsonEqual(overhead ?? {}, found?.overhead?.podFixed ?? {});
    if (found?.overhead && !isAsDefined) throw refusal(request, overheadDiffers);
  },
};

const overheadDiffers = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const overheadWithoutClass = 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';

async function classOf(request: AdmissionRequest, { kinds, store }: AdmissionDeps): Promise<RuntimeClass | undefined> {
  const name: string | undefined = request.object!.spec.runtimeClassName;
  if (name === undefined) return undefined;
  const found = await store.find(kinds.kind('node.k8s.io', 'RuntimeClass'), '', name);
  if (!found) throw refusal(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found.object as RuntimeClass;
}

function mergeScheduling(request: AdmissionRequest, scheduling: NonNullable<RuntimeClass['scheduling']>): void {
  const { spec } = request.object!;
  const nodeSelector: Record<string, string> = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const given = Object.hasOwn(nodeSelector, key) ? nodeSelector[key] : undefined;
    if (given !== undefined && given !== value) {
      const theirs = `runtimeClass.scheduling.nodeSelector[${key}] = ${value}`;
      throw refusal(request, `conflict: ${theirs}; pod.spec.nodeSelector[${key}] = ${given}`);
    }
    nodeSelector[key] = value;
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = nodeSelector;
  const tolerations = mergeTolerations([...(spec.tolerations ?? []), ...(scheduling.tolerations ?? [])]);
  if (tolerations.length > 0) spec.tolerations = tolerations;
}

// Each is compared with each; nobody who has more wants that.
const mostCompared = 500;

/** Without those that others include; of equal ones the first stays. */
export function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  if (all.length > mostCompared) return [...all];
  const merged: Toleration[] = [];
  for (const [i, toleration] of all.entries()) {
    if (merged.some((other) => includes(other, toleration))) continue;
    const isIncludedLater = all
      .slice(i + 1)
      .some((other) => !jsonEqual(other, toleration) && includes(other, toleration));
    if (!isIncludedLater) merged.push(toleration);
  }
  return merged;
}

/** Whether `wide` tolerates all that `narrow` does. */
function includes(wide: Toleration, narrow: Toleration): boolean {
  if (jsonEqual(wide, narrow)) return true;
  const isAnyKey = !wide.key && wide.operator === 'Exists';
  if ((wide.key ?? '') !== (narrow.key ?? '') && !isAnyKey) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false;
  }
  if (wide.operator === 'Exists') return true;
  const isEqual = ({ operator }: Toleration) => !operator || operator === 'Equal';
  return isEqual(wide) && isEqual(narrow) && (wide.value ?? '') === (narrow.value ?? '');
}
