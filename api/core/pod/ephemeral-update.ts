// pods/ephemeralcontainers: containers for a look into a pod that runs are added, and stay as they are then.
// Upstream: podEphemeralContainersStrategy. https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
import { type FieldError, forbidden } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import type { Pod } from '../pod.ts';
import { ephemeralContainer } from './container.ts';
import { mirrorAnnotation } from './mirror.ts';
import { diffInternal } from './spec-diff.ts';
import { validatePod } from './validation.ts';

/** Takes nothing but the ephemeral containers of `sent`. */
export function takeEphemeralContainers(draft: Pod, old: Pod, sent: Pod): void {
  const { ephemeralContainers: _, ...spec } = old.spec;
  const { ephemeralContainers } = sent.spec;
  draft.spec = { ...spec, ...(ephemeralContainers ? { ephemeralContainers } : {}) };
}

export function validateEphemeralContainersUpdate(next: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return [forbidden('', 'static pods do not support ephemeral containers')];
  }
  const errors = validatePod(next, old);
  const found = new Map((next.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const was of old.spec.ephemeralContainers ?? []) {
    const is = found.get(was.name);
    if (is && jsonEqual(is, was)) continue;
    const what = `existing ephemeral containers ${JSON.stringify(was.name)} may not be`;
    const how = is ? `changed\n${diffInternal(ephemeralContainer, was, is)}` : 'removed\n';
    errors.push(forbidden('spec.ephemeralContainers', `${what} ${how}`));
  }
  return errors;
}
