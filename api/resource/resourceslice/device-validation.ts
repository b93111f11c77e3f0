// Validation of one device of a slice. Upstream: pkg/apis/resource/validation.
import { append, type FieldError, invalid, required, tooLong, tooMany } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { validateNodeSelector } from '../../core/pod/scheduling-validation.ts';
import { validateDNSSubdomain, validateQualifiedName, validateWord } from '../../meta/checks.ts';
import { validateBindingConditions } from '../device/binding-conditions.ts';
import {
  shortKey,
  validateAttributeName,
  validateLabelName,
  validateLabelValue,
  validateList,
  validateSet,
} from '../device/names.ts';
import { deviceTaintEffects } from '../device/validation.ts';
import { validateCapacity } from './capacity-validation.ts';
import type { Device, DeviceAttribute, DeviceCounterConsumption, DeviceTaint } from './schema.ts';

const maxProperties = 32;
const maxAttributeLength = 64;
const maxTaints = 16;
const maxConsumptions = 2;
const maxCounters = 32;
const maxKeyLength = 63 + 1 + 32;

export function validateDevice(
  device: Device,
  old: Device | undefined,
  isPerDevice: boolean,
  path: string,
): FieldError[] {
  const errors = validateLabelName(device.name, `${path}.name`);
  const [attributes, capacities] = [device.attributes ?? {}, device.capacity ?? {}].map((map) => Object.entries(map));
  const count = attributes!.length + capacities!.length;
  if (count > maxProperties) {
    const text = `the total number of attributes and capacities must not exceed ${maxProperties}`;
    errors.push(invalid(path, count, text));
  }
  for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
    append(errors, validateAttributeName(name, `${path}.attributes`));
    append(errors, validateAttribute(attribute, `${path}.attributes[${shortKey(name, maxKeyLength)}]`));
  }
  if (!old || !jsonEqual(old.capacity, device.capacity)) {
    for (const [name, capacity] of Object.entries(device.capacity ?? {})) {
      append(errors, validateAttributeName(name, `${path}.capacity`));
      const at = `${path}.capacity[${shortKey(name, maxKeyLength)}]`;
      append(errors, validateCapacity(capacity, device.allowMultipleAllocations ?? false, at));
    }
  }
  if (!old || !jsonEqual(old.taints, device.taints)) {
    append(errors, validateList(device.taints, maxTaints, `${path}.taints`, validateTaint));
  }
  const consumed = device.consumesCounters;
  const at = `${path}.consumesCounters`;
  append(
    errors,
    validateSet(consumed, maxConsumptions, at, validateConsumption, (one) => one.counterSet),
  );
  append(errors, isPerDevice ? validateOwnNodes(device, path) : validateNoNodes(device, path));
  return [...errors, ...validateBindingConditions(device, path)];
}

const identifier = '(0|[1-9]\\d*)';
const preRelease = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const build = '[0-9a-zA-Z-]+';
const semanticVersion = new RegExp(
  `^${identifier}\\.${identifier}\\.${identifier}(-${preRelease}(\\.${preRelease})*)?(\\+${build}(\\.${build})*)?$`,
);

function validateAttribute(attribute: DeviceAttribute, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { string: text, version } = attribute;
  if (text !== undefined && byteLength(text) > maxAttributeLength) {
    errors.push(tooLong(`${path}.string`, maxAttributeLength));
  }
  if (version !== undefined) {
    const isLong = byteLength(version) > maxAttributeLength;
    if (isLong || !semanticVersion.test(version)) {
      const why = 'must be a string compatible with semver.org spec 2.0.0';
      errors.push(invalid(`${path}.version`, version, why));
    }
    if (isLong) errors.push(tooLong(`${path}.version`, maxAttributeLength));
  }
  const count = Object.keys(attribute).length;
  if (count !== 1) errors.push(invalid(path, count === 0 ? '' : attribute, 'exactly one value must be specified'));
  return errors;
}

function validateTaint({ key, value, effect }: DeviceTaint, path: string): FieldError[] {
  const errors = validateQualifiedName(key, `${path}.key`);
  if (value) append(errors, validateLabelValue(value, `${path}.value`));
  append(errors, validateWord(effect, deviceTaintEffects, `${path}.effect`));
  return errors;
}

function validateConsumption({ counterSet, counters }: DeviceCounterConsumption, path: string): FieldError[] {
  const at = `${path}.counterSet`;
  const errors = counterSet ? validateLabelName(counterSet, at) : [required(at)];
  return [...errors, ...validateCounters(counters, `${path}.counters`)];
}

/** Counters by name, some but not too many. */
export function validateCounters(counters: Readonly<Record<string, unknown>> | undefined, path: string): FieldError[] {
  const names = Object.keys(counters ?? {});
  if (names.length === 0) return [required(path)];
  if (names.length > maxCounters) return [tooMany(path, names.length, maxCounters)];
  return names.flatMap((name) => validateLabelName(name, path));
}

const nodeFields = ['nodeName', 'nodeSelector', 'allNodes'] as const;

function validateNoNodes(device: Device, path: string): FieldError[] {
  if (nodeFields.every((field) => device[field] === undefined)) return [];
  const text =
    '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  return [invalid(path, undefined, text)];
}

function validateOwnNodes(device: Device, path: string): FieldError[] {
  const { nodeName, nodeSelector, allNodes } = device;
  const errors: FieldError[] = [];
  if (nodeName === '') errors.push(invalid(`${path}.nodeName`, nodeName, 'must not be empty'));
  else if (nodeName !== undefined) append(errors, validateDNSSubdomain(nodeName, `${path}.nodeName`));
  if (nodeSelector) append(errors, validateNodeSelector(nodeSelector, `${path}.nodeSelector`));
  if (allNodes === false) errors.push(invalid(`${path}.allNodes`, allNodes, 'must be either unset or set to true'));
  const set = nodeFields.filter((field) => device[field]).map((field) => `\`${field}\``);
  const text =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (set.length === 0) errors.push(required(path, text));
  else if (set.length > 1) errors.push(invalid(path, `{${set.join(', ')}}`, text));
  return errors;
}
