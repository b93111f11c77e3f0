// The PodSecurity plugin: a namespace's labels say which Pod Security Standard its pods must meet. Pods that violate
// what is enforced are refused; workloads whose templates do are warned about.
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
import { seccompOfContainer } from '../../../api/core/pod/annotation-validation.ts';
import { invalidError } from '../../../machinery/errors.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { keyPrefixOf } from '../../storage/stored-object.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, refusal } from '../plugin.ts';
import type { PodLike } from './checks.ts';
import {
  describeLevel,
  describeViolations,
  type LevelVersion,
  readPolicy,
  strictness,
  violationsOf,
} from './policy.ts';

const ignoredSubresources = new Set(['binding', 'eviction', 'status']);
const annotationPrefix = 'pod-security.kubernetes.io/';
const maxPodsLookedAt = 3000;

/** Where workloads keep the pod that they make; the pod itself is one. */
const templates: Record<string, (spec: any) => PodLike | undefined> = {
  '/replicationcontrollers': (spec) => spec.template,
  'apps/replicasets': (spec) => spec.template,
  'apps/deployments': (spec) => spec.template,
  'apps/statefulsets': (spec) => spec.template,
  'apps/daemonsets': (spec) => spec.template,
  'batch/jobs': (spec) => spec.template,
  'batch/cronjobs': (spec) => spec.jobTemplate?.spec?.template,
};

const idOf = ({ kind }: AdmissionRequest) => `${kind.group}/${kind.plural}`;
const isWrite = ({ operation }: AdmissionRequest) => operation === 'CREATE' || operation === 'UPDATE';

function isSeen(request: AdmissionRequest): boolean {
  const id = idOf(request);
  if (!isWrite(request)) return false;
  if (id === '/pods') return !ignoredSubresources.has(request.subresource);
  return request.subresource === '' && (id === '/namespaces' || id === '/podtemplates' || templates[id] !== undefined);
}

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  handles: isSeen,
  async validate(request, deps) {
    const id = idOf(request);
    if (id === '/namespaces') return checkNamespace(request, deps);
    const namespace = await deps.store.find(deps.kinds.kind('', 'Namespace'), '', request.namespace);
    const { policy } = readPolicy(namespace?.object.metadata.labels ?? {});
    const object = request.object!;
    if (id === '/pods') {
      if (!isSignificant(request)) return;
      request.annotate?.(`${annotationPrefix}enforce-policy`, describeLevel(policy.enforce));
      audit(request, policy.audit, object);
      enforce(request, policy.enforce, object);
      return warn(request, policy.warn, object);
    }
    const template = id === '/podtemplates' ? object.template : templates[id]!(object.spec ?? {});
    if (!template?.spec) return;
    audit(request, policy.audit, template);
    warn(request, policy.warn, template);
  },
};

/** An update counts where it brings another image, another container or another seccomp profile. */
function isSignificant({ object, oldObject, operation }: AdmissionRequest): boolean {
  if (operation === 'CREATE' || !oldObject) return true;
  const relevant = ({ metadata, spec }: PodLike) =>
    (['containers', 'initContainers', 'ephemeralContainers'] as const).map((list) =>
      (spec[list] ?? []).map((one: any) => [one.image, metadata?.annotations?.[`${seccompOfContainer}${one.name}`]]),
    );
  return !jsonEqual(relevant(object!), relevant(oldObject));
}

/** The level and what of the pod violates it; undefined: nothing. */
function describeBreach(level: LevelVersion, pod: PodLike): string | undefined {
  const violations = violationsOf(level, pod);
  if (violations.length === 0) return undefined;
  return `PodSecurity ${JSON.stringify(describeLevel(level))}: ${describeViolations(violations)}`;
}

function enforce(request: AdmissionRequest, level: LevelVersion, pod: PodLike): void {
  const breach = describeBreach(level, pod);
  if (breach) throw refusal(request, `violates ${breach}`);
}

function audit(request: AdmissionRequest, level: LevelVersion, pod: PodLike): void {
  const breach = request.annotate && describeBreach(level, pod);
  if (breach) request.annotate?.(`${annotationPrefix}audit-violations`, `would violate ${breach}`);
}

function warn(request: AdmissionRequest, level: LevelVersion, pod: PodLike): void {
  const breach = describeBreach(level, pod);
  if (breach) request.warn(`would violate ${breach}`);
}

/** Labels must be readable, and a stricter level tells which pods there are that it would not let in. */
function checkNamespace(request: AdmissionRequest, { store, kinds }: AdmissionDeps): void {
  const { object, oldObject, name } = request;
  const { policy, errors } = readPolicy(object!.metadata.labels ?? {});
  const before = readPolicy(oldObject?.metadata.labels ?? {});
  if (errors.length > 0 && !(oldObject && jsonEqual(errors, before.errors))) {
    throw invalidError(request.kind, name, errors);
  }
  const { enforce: now } = policy;
  const { enforce: then } = before.policy;
  const isRelaxed = now.version === then.version && strictness(now.level) <= strictness(then.level);
  if (!oldObject || now.level === 'privileged' || isRelaxed) return;
  const podsByViolation = new Map<string, string[]>();
  const kind = kinds.kind('', 'Pod');
  let count = 0;
  for (const pod of store.resource(kind).list(`${keyPrefixOf(kind)}${name}/`)) {
    if (++count > maxPodsLookedAt) break;
    const reasons = violationsOf(now, pod.object).map(({ reason }) => reason);
    if (reasons.length === 0) continue;
    podsByViolation.getOrInsert(reasons.join(', '), []).push(pod.object.metadata.name!);
  }
  if (podsByViolation.size === 0) return;
  const level = JSON.stringify(describeLevel(now));
  request.warn(`existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level ${level}`);
  const lines = [...podsByViolation].map(([reasons, [first, ...others]]) => {
    const rest = others.length === 0 ? '' : ` (and ${others.length} other pod${others.length === 1 ? '' : 's'})`;
    return `${first}${rest}: ${reasons}`;
  });
  for (const line of lines.sort()) request.warn(line);
}
