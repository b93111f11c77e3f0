// Validation of what was given for a claim. Upstream: pkg/apis/resource/validation.
import {
  append,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { validateNodeSelector } from '../../core/pod/scheduling-validation.ts';
import { checkInterfaceAddress } from '../../meta/addresses.ts';
import { validateRequired, validateWith } from '../../meta/checks.ts';
import { validateConditions } from '../../meta/condition-validation.ts';
import { validateImmutable } from '../../meta/validation.ts';
import { validateBindingConditions } from '../device/binding-conditions.ts';
import { validateDriverName, validateLabelName, validateList, validatePoolName, validateSet } from '../device/names.ts';
import {
  limits,
  requestNamesOf,
  validateConfiguration,
  validateDeviceToleration,
  validateRawObject,
  validateRequestReference,
} from '../device/validation.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from './schema.ts';

interface DeviceID {
  driver: string;
  pool: string;
  device: string;
  shareID?: string;
}

/** `driver/pool/device`, and the share of a device that several claims have. */
export const deviceKey = ({ driver, pool, device, shareID }: DeviceID): string =>
  [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');

export const allocatedDevices = (claim: ResourceClaim): ReadonlySet<string> =>
  new Set((claim.status?.allocation?.devices?.results ?? []).map(deviceKey));

export function validateClaimStatus(next: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, devices, reservedFor } = next.status ?? {};
  const errors = validateSet(reservedFor, limits.reservedFor, 'status.reservedFor', validateConsumer, (c) => c.uid);
  const known = allocatedDevices(next);
  const validate = (device: AllocatedDeviceStatus, at: string) => validateDeviceStatus(device, known, at);
  append(errors, validateSet(devices, Number.POSITIVE_INFINITY, 'status.devices', validate, deviceKey));
  if (reservedFor?.length) append(errors, validateReservations(next, old));
  const before = old.status?.allocation;
  if (before && allocation) append(errors, validateImmutable(allocation, before, 'status.allocation'));
  else if (allocation) append(errors, validateAllocation(allocation, requestNamesOf(next.spec.devices)));
  return errors;
}

const validateConsumer = (consumer: ResourceClaimConsumerReference, path: string): FieldError[] =>
  (['resource', 'name', 'uid'] as const).flatMap((field) => validateRequired(consumer[field], `${path}.${field}`));

function validateReservations(next: ResourceClaim, old: ResourceClaim): FieldError[] {
  const path = 'status.reservedFor';
  if (!next.status?.allocation) return [forbidden(path, 'may not be specified when `allocated` is not set')];
  if (!next.metadata.deletionTimestamp) return [];
  const before = old.status?.reservedFor ?? [];
  const isNew = (consumer: object) => !before.some((known) => jsonEqual(known, consumer));
  if (!(next.status.reservedFor ?? []).some(isNew)) return [];
  const text = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
  return [forbidden(path, text)];
}

function validateAllocation(allocation: AllocationResult, names: ReadonlySet<string>): FieldError[] {
  const path = 'status.allocation';
  const { config, results } = allocation.devices ?? {};
  const errors = validateList(results, limits.results, `${path}.devices.results`, (result, at) =>
    validateResult(result, names, at),
  );
  append(
    errors,
    validateList(config, 2 * limits.config, `${path}.devices.config`, (entry, at) => [
      ...validateSource(entry, at),
      ...validateConfiguration(entry, names, at),
    ]),
  );
  const { nodeSelector } = allocation;
  return nodeSelector ? [...errors, ...validateNodeSelector(nodeSelector, `${path}.nodeSelector`)] : errors;
}

function validateSource({ source }: DeviceAllocationConfiguration, path: string): FieldError[] {
  const sources: readonly string[] = ['FromClaim', 'FromClass'];
  if (!source) return [required(`${path}.source`)];
  return sources.includes(source) ? [] : [notSupported(`${path}.source`, source, sources)];
}

function validateResult(result: DeviceRequestAllocationResult, names: ReadonlySet<string>, path: string): FieldError[] {
  return [
    ...validateRequestReference(result.request, names, `${path}.request`),
    ...validateDeviceID(result, path),
    ...validateBindingConditions(result, path),
    ...(result.tolerations ?? []).flatMap((toleration, i) =>
      validateDeviceToleration(toleration, `${path}.tolerations[${i}]`),
    ),
    ...validateShareID(result.shareID, `${path}.shareID`),
  ];
}

const validateDeviceID = ({ driver, pool, device }: DeviceID, path: string): FieldError[] => [
  ...validateDriverName(driver, `${path}.driver`),
  ...validatePoolName(pool, `${path}.pool`),
  ...validateLabelName(device, `${path}.device`),
];

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function validateShareID(id: string | undefined, path: string): FieldError[] {
  if (id === undefined || uuid.test(id)) return [];
  const text =
    'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
  return [invalid(path, id, text)];
}

const maxConditions = 8;
const maxDataLength = 10 * 1024;

function validateDeviceStatus(device: AllocatedDeviceStatus, known: ReadonlySet<string>, path: string): FieldError[] {
  const errors = [...validateDeviceID(device, path), ...validateShareID(device.shareID, `${path}.shareID`)];
  const key = deviceKey(device);
  if (!known.has(key)) errors.push(invalid(path, key, 'must be an allocated device in the claim'));
  const conditions = device.conditions ?? [];
  const at = `${path}.conditions`;
  if (conditions.length > maxConditions) errors.push(tooMany(at, conditions.length, maxConditions));
  append(errors, validateConditions(conditions, at));
  if (device.data !== undefined) append(errors, validateRawObject(device.data, maxDataLength, `${path}.data`));
  if (device.networkData) append(errors, validateNetworkData(device.networkData, `${path}.networkData`));
  return errors;
}

const maxAddresses = 16;
const maxNameLength = { interfaceName: 256, hardwareAddress: 128 } as const;

function validateNetworkData(data: NetworkDeviceData, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['interfaceName', 'hardwareAddress'] as const) {
    const isLong = byteLength(data[field] ?? '') > maxNameLength[field];
    if (isLong) errors.push(tooLong(`${path}.${field}`, maxNameLength[field]));
  }
  const validate = (address: string, at: string) => validateWith(checkInterfaceAddress, address, at);
  return [...errors, ...validateSet(data.ips, maxAddresses, `${path}.ips`, validate, String)];
}
