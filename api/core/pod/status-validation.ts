// Validation of a pod's status, which its kubelet writes. Upstream: ValidatePodStatusUpdate in pkg/apis/core/validation.
import { duplicate, type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import { ipFamilyOf, validateIP } from '../../meta/addresses.ts';
import { validateDNSSubdomain, validateQualifiedName } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import type { Pod } from '../pod.ts';
import { validateAnnotationsUpdate, validatePodAnnotations } from './annotation-validation.ts';

type Status = NonNullable<Pod['status']>;
type ContainerStatuses = Status['containerStatuses'];

/** Whether there is an exit code of one of its containers after which all of them begin anew. */
export const couldRestartAll = ({ spec }: Pod) =>
  [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some((c) =>
    c.restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );

/** What has ended for good does not come back, and the class stays. */
export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const [is, was] = [next.status ?? ({} as Status), old.status ?? ({} as Status)];
  const { nominatedNodeName: node } = is;
  const own = new Map([...(old.spec.containers ?? []), ...(old.spec.initContainers ?? [])].map((c) => [c.name, c]));
  // A container with a policy of its own may come back, one for debugging never does.
  const compare = (list: 'containerStatuses' | 'initContainerStatuses' | 'ephemeralContainerStatuses') => {
    const policyOf = (name: string) => own.get(name)?.restartPolicy;
    const ofPod = couldRestartAll(old) ? 'Always' : old.spec.restartPolicy;
    const policy = list === 'ephemeralContainerStatuses' ? 'Never' : ofPod;
    return validateTransitions(is[list], was[list], policy, policyOf, `status.${list}`);
  };
  return [
    ...validateAnnotationsUpdate(next.metadata, old.metadata),
    ...validatePodAnnotations(next.metadata, next.spec, 'metadata.annotations'),
    // Upstream's path has lost its way here.
    ...(is.conditions ?? []).flatMap(({ type }, i) => validateQualifiedName(type, `metadata.conditions[${i}].Type`)),
    ...(node && node !== was.nominatedNodeName ? validateDNSSubdomain(node, 'status.nominatedNodeName') : []),
    ...(was.qosClass ? validateImmutable(is.qosClass, was.qosClass, 'status.qosClass') : []),
    ...compare('containerStatuses'),
    ...compare('initContainerStatuses'),
    ...compare('ephemeralContainerStatuses'),
    ...validateClaims(next),
    ...validateAddresses(is.podIPs ?? [], 'status.podIPs'),
    ...(is.hostIPs?.[0] && is.hostIPs[0].ip !== is.hostIP
      ? [invalid('status.hostIPs[0].ip', is.hostIPs[0].ip, 'must be equal to `hostIP`')]
      : []),
    ...validateAddresses(is.hostIPs ?? [], 'status.hostIPs'),
  ];
}

function validateTransitions(
  next: ContainerStatuses,
  old: ContainerStatuses,
  policy: string | undefined,
  policyOf: (name: string) => string | undefined,
  path: string,
): FieldError[] {
  if (policy === 'Always') return [];
  const revived = new Set((next ?? []).filter(({ state }) => !state?.terminated).map(({ name }) => name));
  return (old ?? []).flatMap(({ name, state }, i) => {
    const restarts = policy === 'OnFailure' && state?.terminated?.exitCode !== 0;
    if (!state?.terminated || restarts || policyOf(name) !== undefined || !revived.has(name)) return [];
    return [forbidden(`${path}[${i}].state`, 'may not be transitioned to non-terminated state')];
  });
}

function validateClaims({ spec, status }: Pod): FieldError[] {
  const known = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  return (status?.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName: claim }, i) => {
    const at = `status.resourceClaimStatuses[${i}].name`;
    const detail = 'must match the name of an entry in `spec.resourceClaims`';
    const errors = known.has(name) ? [] : [invalid(at, name, detail)];
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    return claim === undefined ? errors : [...errors, ...validateDNSSubdomain(claim, at)];
  });
}

function validateAddresses(addresses: readonly { ip: string }[], path: string): FieldError[] {
  const errors = addresses.flatMap(({ ip }, i) => validateIP(ip, `${path}[${i}]`));
  if (addresses.length < 2) return errors;
  if (addresses.length > 2 || new Set(addresses.map(({ ip }) => ipFamilyOf(ip))).size < 2) {
    const shown = addresses.map(({ ip }) => ({ IP: ip }));
    errors.push(invalid(path, shown, 'may specify no more than one IP for each IP family'));
  }
  const seen = new Set<string>();
  for (const [i, { ip }] of addresses.entries()) {
    if (seen.has(ip)) errors.push(duplicate(`${path}[${i}]`, { IP: ip }));
    seen.add(ip);
  }
  return errors;
}
