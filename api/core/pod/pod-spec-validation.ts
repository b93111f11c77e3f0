// Validation of a pod spec, in a pod or in a template. The order of the parts is that of upstream's errors.
// Upstream: ValidatePodSpec in pkg/apis/core/validation.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { checkDNS1123Subdomain, checkQualifiedName } from '../../../machinery/name-rules.ts';
import { validateIP } from '../../meta/addresses.ts';
import {
  rangeText,
  validateDNSLabel,
  validateDNSSubdomain,
  validateOptionalWord,
  validateRequired,
  validateWith,
  validateWord,
} from '../../meta/checks.ts';
import { validateAnnotations, validateLabels } from '../../meta/validation.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './container-validation.ts';
import { validateHostUsers } from './host-users-validation.ts';
import type { HostAlias, PodDNSConfig, PodSpec } from './pod-spec.ts';
import type { PodTemplateSpec } from './pod-template.ts';
import { validatePodResources, validateResourceAmount, validateResourceName } from './resource-validation.ts';
import {
  validateAffinity,
  validateSchedulingGates,
  validateTolerations,
  validateTopologySpread,
} from './scheduling-validation.ts';
import { validatePodSecurity } from './security-validation.ts';
import { validateVolumes } from './volume-validation.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const maxInt32 = 2 ** 31 - 1;

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const graceSeconds = spec.terminationGracePeriodSeconds ?? 0;
  return [
    ...validateVolumes(spec.volumes ?? [], `${path}.volumes`),
    ...validateContainers(spec, `${path}.containers`, graceSeconds),
    ...validateInitContainers(spec, `${path}.initContainers`, graceSeconds),
    ...validateEphemeralContainers(spec, `${path}.ephemeralContainers`, graceSeconds),
    ...validatePodResources(spec.resources, `${path}.resources`),
    ...validateClaims(spec, `${path}.resourceClaims`),
    ...validateWord(spec.restartPolicy, restartPolicies, `${path}.restartPolicy`),
    ...validateWord(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(spec, path),
    ...validateHostUsers(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDNSConfig(spec, `${path}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap((gate, i) =>
      validateWith(checkQualifiedName, gate.conditionType, `${path}.readinessGates[${i}].conditionType`),
    ),
    ...validateSchedulingGates(spec.schedulingGates ?? [], `${path}.schedulingGates`),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateNames(spec, path),
    ...validateDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases ?? [], `${path}.hostAliases`),
    ...validateOverhead(spec, `${path}.overhead`),
    ...validatePlatform(spec, path),
  ];
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const subdomains = ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const;
  const labels = ['hostname', 'subdomain'] as const;
  const errors: FieldError[] = [];
  for (const field of subdomains) {
    const name = spec[field];
    if (name) errors.push(...validateDNSSubdomain(name, `${path}.${field}`));
  }
  for (const field of labels) {
    const name = spec[field];
    if (name) errors.push(...validateDNSLabel(name, `${path}.${field}`));
  }
  return errors;
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
  for (const [i, server] of nameservers.entries()) errors.push(...validateIP(server, `${path}.nameservers[${i}]`));
  if (searches.length > maxSearchPaths) {
    const detail = `must not have more than ${maxSearchPaths} search paths`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  if (searches.join(' ').length > maxSearchLength) {
    const detail = `must not have more than ${maxSearchLength} characters (including spaces) in the search list`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  for (const [i, search] of searches.entries()) {
    // Service names with underscores are searched as well, and a lone dot means the root.
    if (search === '.') continue;
    const plain = search.replace(/\.$/, '').replaceAll('_', 'x');
    for (const complaint of checkDNS1123Subdomain(plain)) {
      errors.push(invalid(`${path}.searches[${i}]`, search, complaint));
    }
  }
  for (const [i, option] of options.entries()) {
    if (!option.name) errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  }
  return errors;
}

function validateHostAliases(aliases: readonly HostAlias[], path: string): FieldError[] {
  return aliases.flatMap((alias, i) => [
    ...validateIP(alias.ip, `${path}[${i}].ip`),
    ...(alias.hostnames ?? []).flatMap((name) => validateDNSSubdomain(name, `${path}[${i}].hostnames`)),
  ]);
}

function validateOverhead(spec: PodSpec, path: string): FieldError[] {
  return Object.entries(spec.overhead ?? {}).flatMap(([name, amount]) => [
    ...validateResourceName(name, `${path}[${name}]`),
    ...validateResourceAmount(name, amount, `${path}[${name}]`),
  ]);
}

function validatePlatform(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.preemptionPolicy !== undefined) {
    const policies = ['PreemptLowerPriority', 'Never'];
    errors.push(...validateOptionalWord(spec.preemptionPolicy, policies, `${path}.preemptionPolicy`));
  }
  if (!spec.os) return errors;
  if (!spec.os.name) errors.push(required(`${path}.os.name`, 'cannot be empty'));
  else if (!['linux', 'windows'].includes(spec.os.name)) {
    errors.push(notSupported(`${path}.os.name`, spec.os.name, ['linux', 'windows']));
  }
  return errors;
}

function validateClaims(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, claim] of (spec.resourceClaims ?? []).entries()) {
    const at = `${path}[${i}]`;
    errors.push(...validateRequired(claim.name, `${at}.name`));
    if (claim.name && seen.has(claim.name)) errors.push(duplicate(`${at}.name`, claim.name));
    seen.add(claim.name);
    if (claim.resourceClaimName && claim.resourceClaimTemplateName) {
      const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalid(at, claim, detail));
    } else if (!claim.resourceClaimName && !claim.resourceClaimTemplateName) {
      const detail = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
      errors.push(invalid(at, claim, detail));
    }
  }
  return errors;
}

/** Labels, annotations and spec of the pods a controller makes. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  if (!template) return [required(path)];
  return [
    ...validateLabels(template.metadata?.labels, `${path}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.metadata.annotations`),
    ...validatePodSpec((template.spec ?? {}) as PodSpec, `${path}.spec`),
    ...(template.spec?.ephemeralContainers?.length
      ? [
          {
            type: 'Forbidden' as const,
            field: `${path}.spec.ephemeralContainers`,
            detail: 'Forbidden: ephemeral containers not allowed in pod template',
          },
        ]
      : []),
  ];
}
