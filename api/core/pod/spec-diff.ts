// The difference of two specs in the text of a refused update. Upstream prints its internal
// types: Go field names in declaration order, zero values included, one blank of indentation.
// People search for these texts, so ours are the same.

import { indentJson } from '../../../machinery/go-json.ts';
import { writeJson } from '../../../machinery/json.ts';
import type { AnySchema, ObjectSchema } from '../../../machinery/schema.ts';
import { formatUnifiedDiff } from '../../../machinery/unified-diff.ts';
import { type PodSpec, podSpec as podSpecSchema } from './pod-spec.ts';
import { podSecurityContext as podSecurityContextSchema } from './security-context.ts';

/** In this form a value is many times as long, and nobody reads that much. */
const maxShownCharacters = 32 * 1024;

export const diffPodSpecs = (old: PodSpec, next: PodSpec): string => diffInternal(podSpecSchema, old, next);

export function diffInternal(schema: ObjectSchema, old: unknown, next: unknown): string {
  const isLong = [old, next].some((value) => (value === undefined ? '' : writeJson(value)).length > maxShownCharacters);
  if (isLong) return '(not shown: the pod is too large)\n';
  const lines = (value: unknown) => indentJson(writeJson(toInternal(schema, value)), ' ').split('\n');
  return formatUnifiedDiff(lines(old), lines(next));
}

// Internally these belong to the security context.
const hostFields = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'] as const;

// Declaration order where it is not the order of our schemas; fields that are not named follow.
const fieldOrders: Readonly<Record<string, string>> = {
  PodSpec:
    'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds ' +
    'activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName automountServiceAccountToken nodeName ' +
    'securityContext imagePullSecrets hostname subdomain setHostnameAsFQDN affinity schedulerName tolerations ' +
    'hostAliases priorityClassName priority preemptionPolicy dnsConfig readinessGates runtimeClassName overhead ' +
    'enableServiceLinks topologySpreadConstraints os schedulingGates resourceClaims resources hostnameOverride',
  Container:
    'name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules ' +
    'volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath ' +
    'terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty',
  PodSecurityContext:
    'hostNetwork hostPID hostIPC shareProcessNamespace hostUsers seLinuxOptions windowsOptions runAsUser runAsGroup ' +
    'runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup fsGroupChangePolicy sysctls seccompProfile ' +
    'appArmorProfile seLinuxChangePolicy',
  SecurityContext:
    'capabilities privileged seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem ' +
    'allowPrivilegeEscalation procMount seccompProfile appArmorProfile',
  ResourceRequirements: 'limits requests claims',
  SeccompProfile: 'type localhostProfile',
  AppArmorProfile: 'type localhostProfile',
  Taint: 'key value effect timeAdded',
  Toleration: 'key operator value effect tolerationSeconds',
  ContainerPort: 'name hostPort containerPort protocol hostIP',
  EnvVar: 'name value valueFrom',
  VolumeMount: 'name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr',
  Probe:
    'exec httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold ' +
    'terminationGracePeriodSeconds',
  HTTPGetAction: 'path port host scheme httpHeaders',
  NodeSelectorRequirement: 'key operator values',
  PersistentVolumeClaimSpec:
    'accessModes selector resources volumeName storageClassName volumeMode dataSource dataSourceRef ' +
    'volumeAttributesClassName',
  VolumeResourceRequirements: 'limits requests',
  LabelSelector: 'matchLabels matchExpressions',
  PersistentVolumeSource:
    'gcePersistentDisk awsElasticBlockStore hostPath glusterfs nfs rbd quobyte iscsi flexVolume cinder cephfs fc ' +
    'flocker azureFile vsphereVolume azureDisk photonPersistentDisk portworxVolume scaleIO local storageos csi',
};

// Internally absent: the old names of other fields.
const droppedFields: Readonly<Record<string, readonly string[]>> = {
  PodSpec: ['serviceAccount', 'schedulingGroup', ...hostFields],
};

/** A value as error texts of today show it: upstream's internal type. */
export const showInternal = (schema: AnySchema, value: unknown): unknown => toInternal(schema, value);

function toInternal(schema: AnySchema, value: unknown): unknown {
  if (value === undefined || value === null) return zeroOf(schema);
  switch (schema.type) {
    case 'object':
      return objectToInternal(schema, value as Record<string, unknown>);
    case 'list':
      return (value as unknown[]).map((item) => toInternal(schema.items, item));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, toInternal(schema.values, item)]),
      );
    default:
      return value;
  }
}

function zeroOf(schema: AnySchema): unknown {
  if (schema.pointer) return null;
  if (schema.type === 'object') return schema.always ? objectToInternal(schema, {}) : null;
  if (schema.type === 'string' && schema.format !== 'date-time') return schema.format === 'int-or-string' ? 0 : '';
  if (schema.type === 'integer' || schema.type === 'number') return 0;
  return schema.type === 'boolean' ? false : null;
}

function objectToInternal(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
  const name = schema.name.slice(schema.name.lastIndexOf('.') + 1);
  const fields = { ...schema.fields };
  let source = value;
  if (name === 'PodSpec') source = { ...value, securityContext: { ...withHostFields(value) } };
  if (name === 'PodSecurityContext') {
    for (const field of hostFields) fields[field] = podSpecSchema.fields[field]!;
  }
  const order = fieldOrders[name]?.split(' ') ?? [];
  const names = [...new Set([...order, ...Object.keys(fields)])];
  const out: Record<string, unknown> = {};
  for (const field of names) {
    const fieldSchema = fields[field];
    if (!fieldSchema || droppedFields[name]?.includes(field)) continue;
    // The host fields are plain booleans internally, but for these two.
    const schemaOf = field === 'securityContext' && name === 'PodSpec' ? podSecurityContextSchema : fieldSchema;
    out[goName(field)] = toInternal(schemaOf, source[field]);
  }
  return out;
}

function withHostFields(spec: Record<string, unknown>): Record<string, unknown> {
  const context = { ...(spec.securityContext as object | undefined) } as Record<string, unknown>;
  for (const field of hostFields) context[field] = spec[field];
  return context;
}

const goNames: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  dnsConfig: 'DNSConfig',
  dnsPolicy: 'DNSPolicy',
  fsGroup: 'FSGroup',
  fsGroupChangePolicy: 'FSGroupChangePolicy',
  fsType: 'FSType',
  awsElasticBlockStore: 'AWSElasticBlockStore',
  cephfs: 'CephFS',
  fc: 'FC',
  gcePersistentDisk: 'GCEPersistentDisk',
  iscsi: 'ISCSI',
  rbd: 'RBD',
  storageos: 'StorageOS',
  grpc: 'GRPC',
  httpGet: 'HTTPGet',
  httpHeaders: 'HTTPHeaders',
  ip: 'IP',
  nfs: 'NFS',
  csi: 'CSI',
  os: 'OS',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  seLinuxOptions: 'SELinuxOptions',
  tcpSocket: 'TCPSocket',
  tty: 'TTY',
};

const goName = (field: string) => goNames[field] ?? field[0]!.toUpperCase() + field.slice(1);
