// Validation of a pod spec, in a pod or in a template. The order of the parts is that of upstream's errors.
// Upstream: ValidatePodSpec in pkg/apis/core/validation.
import { append, duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import type { ObjectMeta } from '../../../machinery/metadata.ts';
import { checkSearchDomain } from '../../../machinery/name-rules.ts';
import { validateIP } from '../../meta/addresses.ts';
import {
  rangeText,
  validateDNSLabel,
  validateDNSSubdomain,
  validateQualifiedName,
  validateWith,
  validateWord,
} from '../../meta/checks.ts';
import { validateAnnotations, validateLabels } from '../../meta/validation.ts';
import { validateAnnotationsMatch, validatePodAnnotations } from './annotation-validation.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './container-validation.ts';
import { validateHostUsers } from './host-users-validation.ts';
import type { HostAlias, PodDNSConfig, PodSpec } from './pod-spec.ts';
import type { PodTemplateSpec } from './pod-template.ts';
import { claimNamesOf, validatePodResources, validateResources } from './resource-validation.ts';
import { podResourceClaim } from './scheduling.ts';
import {
  validateAffinity,
  validateSchedulingGates,
  validateTolerations,
  validateTopologySpread,
} from './scheduling-validation.ts';
import { validateHostPorts, validatePodSecurity } from './security-validation.ts';
import { showInternal } from './spec-diff.ts';
import type { Volume } from './volume.ts';
import { validateVolumes } from './volume-validation.ts';
import { validateHostProcesses, validateOS } from './windows-validation.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxInt32 = 2 ** 31 - 1;

/** `pod`: the metadata of a pod that it is the spec of; templates have none. */
export function validatePodSpec(spec: PodSpec, path: string, pod?: ObjectMeta): FieldError[] {
  const volumes = new Map<string, Volume>();
  const claims = claimNamesOf(spec.resourceClaims);
  const around = { spec, volumes, claims, graceSeconds: spec.terminationGracePeriodSeconds ?? 0 };
  const checkName = (field: 'serviceAccountName' | 'nodeName' | 'priorityClassName') =>
    spec[field] ? validateDNSSubdomain(spec[field], `${path}.${field}`) : [];
  const checkLabel = (field: 'hostname' | 'subdomain') =>
    spec[field] ? validateDNSLabel(spec[field], `${path}.${field}`) : [];
  return [
    ...validateVolumes(spec.volumes ?? [], `${path}.volumes`, volumes, pod?.name),
    ...validateClaims(spec, `${path}.resourceClaims`),
    ...validateContainers(around, `${path}.containers`),
    ...validateInitContainers(around, `${path}.initContainers`),
    ...validateEphemeralContainers(around, `${path}.ephemeralContainers`),
    ...validatePodResources(spec, claims, `${path}.resources`),
    ...validateHostPorts(spec, path, pod !== undefined),
    ...validateWord(spec.restartPolicy, restartPolicies, `${path}.restartPolicy`),
    ...validateWord(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDNSConfig(spec, `${path}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap((gate, i) =>
      validateQualifiedName(gate.conditionType, `${path}.readinessGates[${i}].conditionType`),
    ),
    ...validateSchedulingGates(spec.schedulingGates ?? [], `${path}.schedulingGates`),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateHostProcesses(spec, path),
    ...validateHostUsers(spec, path),
    ...checkName('serviceAccountName'),
    ...checkName('nodeName'),
    ...validateDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`),
    ...checkLabel('hostname'),
    ...checkLabel('subdomain'),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases ?? [], `${path}.hostAliases`),
    ...checkName('priorityClassName'),
    ...(spec.runtimeClassName === undefined
      ? []
      : validateDNSSubdomain(spec.runtimeClassName, `${path}.runtimeClassName`)),
    ...(spec.preemptionPolicy === undefined
      ? []
      : validateWord(spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'], `${path}.preemptionPolicy`)),
    // Checked as the limits of a container, and called so.
    ...(spec.overhead ? validateResources({ limits: spec.overhead }, claimNamesOf(), `${path}.overhead`) : []),
    ...validateOS(spec, path),
  ];
}

function validateDeadline(seconds: number | undefined, path: string): FieldError[] {
  const isFine = seconds === undefined || (seconds >= 1 && seconds <= maxInt32);
  return isFine ? [] : [invalid(path, seconds, rangeText(1, maxInt32))];
}

const maxNameServers = 3;
const maxSearchPaths = 32;
const maxSearchLength = 2048;

function validateDNSConfig({ dnsConfig, dnsPolicy }: PodSpec, path: string): FieldError[] {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (!dnsConfig.nameservers?.length) {
      const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return [required(`${path}.nameservers`, detail)];
    }
  }
  return dnsConfig ? validateDNSConfigParts(dnsConfig, path) : [];
}

function validateDNSConfigParts({ nameservers = [], searches = [], options = [] }: PodDNSConfig, path: string) {
  const errors: FieldError[] = [];
  if (nameservers.length > maxNameServers) {
    const detail = `must not have more than ${maxNameServers} nameservers`;
    errors.push(invalid(`${path}.nameservers`, nameservers, detail));
  }
  for (const [i, server] of nameservers.entries()) append(errors, validateIP(server, `${path}.nameservers[${i}]`));
  if (searches.length > maxSearchPaths) {
    const detail = `must not have more than ${maxSearchPaths} search paths`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  if (searches.join(' ').length > maxSearchLength) {
    const detail = `must not have more than ${maxSearchLength} characters (including spaces) in the search list`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  for (const [i, search] of searches.entries()) {
    // A lone dot means the root.
    if (search === '.') continue;
    const name = search.replace(/\.$/, '');
    append(errors, validateWith(checkSearchDomain, name, `${path}.searches[${i}]`));
  }
  for (const [i, option] of options.entries()) {
    if (!option.name) errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  }
  return errors;
}

function validateHostAliases(aliases: readonly HostAlias[], path: string): FieldError[] {
  return aliases.flatMap((alias, i) => [
    ...validateIP(alias.ip, `${path}[${i}].ip`),
    ...(alias.hostnames ?? []).flatMap((name, j) => validateDNSSubdomain(name, `${path}[${i}].hostnames[${j}]`)),
  ]);
}

function validateClaims(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return (spec.resourceClaims ?? []).flatMap((claim, i) => {
    const at = `${path}[${i}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${at}.name`));
    else if (seen.has(name)) errors.push(duplicate(`${at}.name`, name));
    else append(errors, validateDNSLabel(name, `${at}.name`));
    seen.add(name);
    const given = Object.entries({ resourceClaimName, resourceClaimTemplateName }).filter(([, v]) => v !== undefined);
    if (given.length !== 1) {
      const detail =
        given.length === 0
          ? 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
          : 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalid(at, showInternal(podResourceClaim, claim), detail));
    }
    for (const [field, value] of given) append(errors, validateDNSSubdomain(value!, `${at}.${field}`));
    return errors;
  });
}

/** Labels, annotations and spec of the pods a controller makes. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  if (!template) return [required(path)];
  const spec = (template.spec ?? {}) as PodSpec;
  return [
    ...validateLabels(template.metadata?.labels, `${path}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.annotations`),
    ...validatePodAnnotations(template.metadata, spec, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`),
    ...validateAnnotationsMatch(template.metadata, spec, `${path}.spec`),
    ...(spec.ephemeralContainers?.length
      ? [forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}
