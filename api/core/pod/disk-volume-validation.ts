// Validation of volumes on disks and file systems of others, of pods and of persistent volumes.
// Upstream: validateVolumeSource and ValidatePersistentVolumeSpec in pkg/apis/core/validation.
import {
  append,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../../../machinery/field-error.ts';
import { byteLength, checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import type { ObjectSchema, TypeOf } from '../../../machinery/schema.ts';
import { rangeText, validateDNSLabel, validateOptionalWord, validateWith } from '../../meta/checks.ts';
import type * as disks from './disk-volumes.ts';
import { validateDescendingPath, validateNoBacksteps } from './path-validation.ts';
import type { hostPathVolumeSource } from './volume.ts';

/** Where a source stands: the volume's name, and whether it is a persistent volume, which names secrets of any namespace. */
interface VolumePlace {
  name: string;
  isPersistent: boolean;
}
export type SourceValidator = (source: any, path: string, place: VolumePlace) => FieldError[];
type Source<K extends keyof typeof disks> = TypeOf<(typeof disks)[K]>;

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

const within = (value: number | undefined, min: number, max: number, path: string, text = rangeText(min, max)) =>
  value !== undefined && (value < min || value > max) ? [invalid(path, value, text)] : [];
// The text says one, zero is fine.
const validatePartition: SourceValidator = ({ partition }: { partition?: number }, path) =>
  within(partition, 0, 255, `${path}.partition`, rangeText(1, 255));

const validateSecretRef: SourceValidator = ({ secretRef }, path, { isPersistent }) =>
  ['name', ...(isPersistent ? ['namespace'] : [])]
    .filter((field) => secretRef && !secretRef[field])
    .map((field) => required(`${path}.secretRef.${field}`));

const initiator = /^(?:iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+|eui.[A-Za-z0-9]{16}|naa.[A-Za-z0-9]{32})$/;

function validateISCSI(source: Source<'iscsiVolumeSource'>, path: string, place: VolumePlace): FieldError[] {
  const { iqn, initiatorName, targetPortal, lun, secretRef } = source;
  const checkName = (name: string, at: string) => {
    if (initiator.test(name)) return [];
    const isKnown = place.isPersistent || /^(iqn|eui|naa)/.test(name);
    return [invalid(at, name, `must be valid format${isKnown ? '' : ' starting with iqn, eui, or naa'}`)];
  };
  const errors = iqn ? checkName(iqn, `${path}.iqn`) : [];
  append(errors, within(lun, 0, 255, `${path}.lun`));
  if ((source.chapAuthDiscovery || source.chapAuthSession) && !secretRef) errors.push(required(`${path}.secretRef`));
  if (place.isPersistent && secretRef && !secretRef.name) errors.push(required(`${path}.secretRef.name`));
  if (initiatorName === undefined) return errors;
  append(errors, checkName(initiatorName, `${path}.initiatorname`));
  if (`${place.name}:${targetPortal}`.length <= 64) return errors;
  const detail =
    'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
  const [at, value] = place.isPersistent
    ? [`${path}.targetportal`, targetPortal]
    : [path.replace(/iscsi$/, 'name'), place.name];
  return [...errors, invalid(at, value, detail)];
}

function validateFC({ targetWWNs = [], wwids = [], lun }: Source<'fcVolumeSource'>, path: string): FieldError[] {
  const at = `${path}.targetWWNs`;
  if (targetWWNs.length === 0) {
    const detail = 'must specify either targetWWNs or wwids, but not both';
    return wwids.length === 0 ? [required(at, detail)] : [];
  }
  const detail = 'targetWWNs and wwids can not be specified simultaneously';
  const errors = wwids.length > 0 ? [invalid(at, targetWWNs, detail)] : [];
  if (lun === undefined) errors.push(required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
  return [...errors, ...within(lun, 0, 255, `${path}.lun`)];
}

function validateQuobyte({ registry, tenant }: Source<'quobyteVolumeSource'>, path: string): FieldError[] {
  const detail = 'must be a host:port pair or multiple pairs separated by commas';
  if (!registry) return [required(`${path}.registry`, detail)];
  if (byteLength(tenant ?? '') > 64) {
    return [required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters')];
  }
  const isPair = (pair: string) => /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(pair);
  return registry.split(',').every(isPair) ? [] : [invalid(`${path}.registry`, registry, detail)];
}

function validateFlocker({ datasetName = '', datasetUUID }: Source<'flockerVolumeSource'>, path: string): FieldError[] {
  if (!datasetName) return datasetUUID ? [] : [required(path, 'one of datasetName and datasetUUID is required')];
  const both = 'datasetName and datasetUUID can not be specified simultaneously';
  return [
    ...(datasetUUID ? [invalid(path, 'resource', both)] : []),
    ...(datasetName.includes('/') ? [invalid(`${path}.datasetName`, datasetName, "must not contain '/'")] : []),
  ];
}

function validateFlex({ options }: Source<'flexVolumeSource'>, path: string): FieldError[] {
  return Object.keys(options ?? {}).flatMap((key) => {
    const domain = `.${key.split('/', 1)[0]!.toLowerCase()}`;
    if (!domain.endsWith('.kubernetes.io') && !domain.endsWith('.k8s.io')) return [];
    return [invalid(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')];
  });
}

const managedURI = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobURI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

function validateAzureDisk(
  { cachingMode, kind, diskURI }: Source<'azureDiskVolumeSource'>,
  path: string,
): FieldError[] {
  const uri = kind === 'Managed' ? managedURI : blobURI;
  const isFine = kind === undefined || diskURI.startsWith(kind === 'Managed' ? '/subscriptions/' : 'https://');
  return [
    ...validateOptionalWord(cachingMode, ['None', 'ReadOnly', 'ReadWrite'], `${path}.cachingMode`),
    ...validateOptionalWord(kind, ['Dedicated', 'Managed', 'Shared'], `${path}.kind`),
    ...(isFine ? [] : [notSupported(`${path}.diskURI`, diskURI, [uri])]),
  ];
}

export function validateDriverName(driver: string, path: string): FieldError[] {
  const errors = driver ? [] : [required(path)];
  if (byteLength(driver) > 63) errors.push(tooLong(path, 63));
  for (const complaint of checkDNS1123Subdomain(driver.toLowerCase())) errors.push(invalid(path, driver, complaint));
  return errors;
}

/** What sources are refused for beyond the fields that they must have. */
export const diskValidators: Readonly<Record<string, SourceValidator>> = {
  hostPath: ({ path: value, type }: TypeOf<typeof hostPathVolumeSource>, path) =>
    value
      ? [...validateNoBacksteps(value, `${path}.path`), ...validateOptionalWord(type, hostPathTypes, `${path}.type`)]
      : [],
  gitRepo: ({ directory = '' }, path) => validateDescendingPath(directory, `${path}.directory`),
  gcePersistentDisk: validatePartition,
  awsElasticBlockStore: validatePartition,
  nfs: ({ path: value }, path) =>
    value.startsWith('/') ? [] : [invalid(`${path}.path`, value, 'must be an absolute path')],
  iscsi: validateISCSI,
  glusterfs: ({ endpointsNamespace: name }, path) => {
    const at = `${path}.endpointsNamespace`;
    if (name === '') return [invalid(at, name, 'if the endpointnamespace is set, it must be a valid namespace name')];
    return name === undefined ? [] : validateDNSLabel(name, at);
  },
  flocker: validateFlocker,
  cinder: validateSecretRef,
  quobyte: validateQuobyte,
  fc: validateFC,
  flexVolume: validateFlex,
  azureFile: ({ secretNamespace }, path) => (secretNamespace === '' ? [required(`${path}.secretNamespace`)] : []),
  azureDisk: validateAzureDisk,
  scaleIO: ({ volumeName }, path) => (volumeName ? [] : [required(`${path}.volumeName`)]),
  storageos: (source: Source<'storageOSVolumeSource'>, path, place) => {
    const { volumeName, volumeNamespace } = source;
    const at = `${path}.volumeName`;
    return [
      ...(volumeName ? validateDNSLabel(volumeName, at) : [required(at)]),
      ...(volumeNamespace ? validateDNSLabel(volumeNamespace, `${path}.volumeNamespace`) : []),
      ...validateSecretRef(source, path, place),
    ];
  },
  csi: ({ driver, nodePublishSecretRef: ref }, path) => [
    ...validateDriverName(driver, `${path}.driver`),
    ...(ref && !ref.name ? [required(`${path}.nodePublishSecretRef.name`)] : []),
    ...(ref?.name ? validateWith(checkDNS1123Subdomain, ref.name, `${path}.name`) : []),
  ],
};

/** Strings and lists that the published schema of a source requires. */
function validateRequiredFields(schema: ObjectSchema, source: object, path: string): FieldError[] {
  return Object.entries(schema.fields).flatMap(([field, { required: isRequired, type }]) => {
    if (!isRequired || type === 'object') return [];
    const value = (source as Record<string, unknown>)[field];
    const isMissing = type === 'list' ? !(value as unknown[] | null)?.length : value === undefined || value === '';
    return isMissing ? [required(`${path}.${field}`)] : [];
  });
}

// These two are spelt like this upstream where they are one too many, and this one always.
const otherNames: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };
const pathNames: Readonly<Record<string, string>> = { gcePersistentDisk: 'persistentDisk' };
/** Their validators say it with other words, or once. */
const ownRequired = new Set(['quobyte', 'csi']);

/** Exactly one of the sources, which are looked at in the order of `validators`; `fields` are their schemas. */
export function validateOneSource(
  sources: object,
  validators: ReadonlyMap<string, SourceValidator | undefined>,
  fields: ObjectSchema['fields'],
  path: string,
  place: VolumePlace,
): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  for (const [name, validate] of validators) {
    const source = (sources as Record<string, object | undefined>)[name];
    if (source === undefined) continue;
    if (found++ > 0) {
      errors.push(forbidden(`${path}.${otherNames[name] ?? name}`, 'may not specify more than 1 volume type'));
      continue;
    }
    const at = `${path}.${pathNames[name] ?? name}`;
    if (!ownRequired.has(name)) append(errors, validateRequiredFields(fields[name] as ObjectSchema, source, at));
    append(errors, validate?.(source, at, place) ?? []);
    if (name === 'quobyte' && !(source as { volume?: string }).volume) errors.push(required(`${at}.volume`));
  }
  if (found === 0) errors.push(required(path, 'must specify a volume type'));
  return errors;
}
