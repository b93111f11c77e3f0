// Validation of ResourceSlice. Upstream: pkg/apis/resource/validation.
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { validateNodeSelector } from '../../core/pod/scheduling-validation.ts';
import { validateDNSSubdomain } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import { validateDriverName, validateLabelName, validatePoolName, validateSet } from '../device/names.ts';
import { validateCounters, validateDevice } from './device-validation.ts';
import type { CounterSet, Device, ResourcePool, ResourceSlice, ResourceSliceSpec } from './schema.ts';

const maxDevices = 128;
/** Of devices with taints or shared counters. */
const maxCostlyDevices = 64;
const maxCounterSets = 8;

export const validateResourceSlice = ({ spec }: ResourceSlice, old?: ResourceSlice): FieldError[] => [
  ...validateDriverName(spec.driver, 'spec.driver'),
  ...validatePool(spec.pool),
  ...validateNodes(spec),
  ...validateContents(spec),
  ...validateDevices(spec, old?.spec),
];

export const validateResourceSliceUpdate = ({ spec }: ResourceSlice, { spec: old }: ResourceSlice): FieldError[] => [
  ...validateImmutable(spec.pool?.name, old.pool?.name, 'spec.pool.name'),
  ...validateImmutable(spec.driver, old.driver, 'spec.driver'),
  ...validateImmutable(spec.nodeName, old.nodeName, 'spec.nodeName'),
];

function validatePool({ name, generation, resourceSliceCount }: ResourcePool): FieldError[] {
  const errors = validatePoolName(name, 'spec.pool.name');
  if (resourceSliceCount <= 0) {
    errors.push(invalid('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero'));
  }
  if (generation < 0) errors.push(invalid('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  return errors;
}

const nodeFields = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

/** One of the four ways to say which nodes can use the devices. */
function validateNodes(spec: ResourceSliceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const { nodeName, nodeSelector } = spec;
  if (nodeName === '') {
    errors.push(invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string'));
  } else if (nodeName !== undefined) append(errors, validateDNSSubdomain(nodeName, 'spec.nodeName'));
  if (nodeSelector) {
    append(errors, validateNodeSelector(nodeSelector, 'spec.nodeSelector'));
    const terms = nodeSelector.nodeSelectorTerms;
    if (terms?.length !== 1) {
      const at = 'spec.nodeSelector.nodeSelectorTerms';
      errors.push(invalid(at, terms, 'must have exactly one node selector term'));
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] !== false) continue;
    errors.push(invalid(`spec.${field}`, false, 'must be either unset or set to true'));
  }
  const set = nodeFields.filter((field) => spec[field]).map((field) => `\`${field}\``);
  const one = `exactly one of ${nodeFields.map((field) => `\`${field}\``).join(', ')} is required`;
  if (set.length === 0) errors.push(required('spec', one));
  if (set.length > 1) errors.push(invalid('spec', `{${set.join(', ')}}`, `${one}, but multiple fields are set`));
  return errors;
}

function validateContents({ devices, sharedCounters }: ResourceSliceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (sharedCounters && devices) {
    errors.push(invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  }
  const at = 'spec.sharedCounters';
  return [...errors, ...validateSet(sharedCounters, maxCounterSets, at, validateCounterSet, ({ name }) => name)];
}

function validateCounterSet({ name, counters }: CounterSet, path: string): FieldError[] {
  const errors = name ? validateLabelName(name, `${path}.name`) : [required(`${path}.name`)];
  return [...errors, ...validateCounters(counters, `${path}.counters`)];
}

function validateDevices(spec: ResourceSliceSpec, old: ResourceSliceSpec | undefined): FieldError[] {
  const devices = spec.devices ?? [];
  const isCostly = devices.some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  const before = new Map((old?.devices ?? []).map((device) => [device.name, device]));
  const validate = (device: Device, at: string) =>
    validateDevice(device, before.get(device.name), spec.perDeviceNodeSelection ?? false, at);
  return validateSet(devices, isCostly ? maxCostlyDevices : maxDevices, 'spec.devices', validate, ({ name }) => name);
}
