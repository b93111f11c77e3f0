// The schema of ResourceSlice: devices that a driver has.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#resourceslice
import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { nodeSelector } from '../../core/pod/affinity.ts';
import type { ObjectOf } from '../../meta/object.ts';

const deviceAttribute = s.api('resource.v1.DeviceAttribute', 'What a device is like; one value.', {
  bool: s.boolean('True or false.', { pointer: true }),
  bools: s.list(s.boolean(''), 'Several of true and false.', atomic),
  int: s.int64('A whole number.', { pointer: true }),
  ints: s.list(s.int64(''), 'Several whole numbers.', atomic),
  string: s.string('A text.', { pointer: true }),
  strings: s.list(s.string(''), 'Several texts.', atomic),
  version: s.string('A semantic version.', { pointer: true }),
  versions: s.list(s.string(''), 'Several semantic versions.', atomic),
});
export interface DeviceAttribute extends TypeOf<typeof deviceAttribute> {}

const capacityRequestPolicyRange = s.api('resource.v1.CapacityRequestPolicyRange', 'Amounts that may be asked for.', {
  max: s.quantity('Most.', { pointer: true }),
  min: s.quantity('Least.', { required: true, pointer: true }),
  step: s.quantity('Difference between two amounts.', { pointer: true }),
});
export interface CapacityRequestPolicyRange extends TypeOf<typeof capacityRequestPolicyRange> {}

const capacityRequestPolicy = s.api('resource.v1.CapacityRequestPolicy', 'How much of a capacity may be asked for.', {
  default: s.quantity('What is given where no amount is asked for.', { pointer: true }),
  validRange: s.field(capacityRequestPolicyRange, 'Amounts in a range.'),
  validValues: s.list(s.quantity(''), 'The amounts, in ascending order.', atomic),
});
export interface CapacityRequestPolicy extends TypeOf<typeof capacityRequestPolicy> {}

const deviceCapacity = s.api('resource.v1.DeviceCapacity', 'How much of something a device has.', {
  requestPolicy: s.field(capacityRequestPolicy, 'How it is shared.'),
  value: s.quantity('How much.', mandatory),
});
export interface DeviceCapacity extends TypeOf<typeof deviceCapacity> {}

const counter = s.api('resource.v1.Counter', 'How much of something there is.', {
  value: s.quantity('How much.', mandatory),
});

const counterConsumption = s.api('resource.v1.DeviceCounterConsumption', 'What a device takes from a counter set.', {
  counterSet: s.string('Name of the counter set.', mandatory),
  counters: s.map(counter, 'Amounts by counter.', { required: true }),
});
export interface DeviceCounterConsumption extends TypeOf<typeof counterConsumption> {}

const counterSet = s.api('resource.v1.CounterSet', 'Counters that devices share.', {
  counters: s.map(counter, 'The counters by name.', { required: true }),
  name: s.string('Name of the set.', mandatory),
});
export interface CounterSet extends TypeOf<typeof counterSet> {}

const deviceTaint = s.api('resource.v1.DeviceTaint', 'Keeps claims away from a device.', {
  effect: s.string('None, NoSchedule, or NoExecute to end pods that use it as well.', {
    ...mandatory,
    enum: ['NoExecute', 'NoSchedule', 'None'],
  }),
  key: s.string('Name of the taint.', mandatory),
  timeAdded: s.time('When it was added.'),
  value: s.string('Value of the taint.'),
});
export interface DeviceTaint extends TypeOf<typeof deviceTaint> {}

const mapping = s.api('resource.v1.NodeAllocatableResourceMapping', 'What a device takes of its node.', {
  allocationMultiplier: s.quantity('Factor between the two.', { pointer: true }),
  capacityKey: s.string('The capacity that is counted.', { pointer: true }),
});

const device = s.api('resource.v1.Device', 'A device.', {
  allNodes: s.boolean('Every node can use it.', { pointer: true }),
  allowMultipleAllocations: s.boolean('Several claims may share it.', { pointer: true }),
  attributes: s.map(deviceAttribute, 'What it is like, by name.'),
  bindingConditions: s.list(s.string(''), 'Conditions to wait for before a pod is bound.', atomic),
  bindingFailureConditions: s.list(s.string(''), 'Conditions that say the binding has failed.', atomic),
  bindsToNode: s.boolean('A claim that has it stays on its node.', { pointer: true }),
  capacity: s.map(deviceCapacity, 'How much it has, by name.'),
  consumesCounters: s.list(counterConsumption, 'What it takes from shared counters.', atomic),
  name: s.string('Name within the pool.', mandatory),
  nodeAllocatableResourceMappings: s.map(mapping, 'What it takes of its node, by resource.'),
  nodeName: s.string('The node that can use it.', { pointer: true }),
  nodeSelector: s.field(nodeSelector, 'Nodes that can use it.'),
  taints: s.list(deviceTaint, 'Taints that keep claims away.', atomic),
});
export interface Device extends TypeOf<typeof device> {}

const resourcePool = s.api('resource.v1.ResourcePool', 'The pool that devices belong to.', {
  generation: s.int64('Grows with each change of the pool.', mandatory),
  name: s.string('Name of the pool.', mandatory),
  resourceSliceCount: s.int64('Number of slices that make up the pool.', mandatory),
});
export interface ResourcePool extends TypeOf<typeof resourcePool> {}

const resourceSliceSpec = s.api('resource.v1.ResourceSliceSpec', 'Devices of a driver.', {
  allNodes: s.boolean('Every node can use them.', { pointer: true }),
  devices: s.list(device, 'The devices.', atomic),
  driver: s.string('The driver.', mandatory),
  nodeName: s.string('The node that can use them.', { pointer: true }),
  nodeSelector: s.field(nodeSelector, 'Nodes that can use them.'),
  perDeviceNodeSelection: s.boolean('Each device says which nodes can use it.', { pointer: true }),
  pool: s.field(resourcePool, 'The pool they belong to.', mandatory),
  sharedCounters: s.list(counterSet, 'Counters that devices of the pool share.', atomic),
});
export interface ResourceSliceSpec extends TypeOf<typeof resourceSliceSpec> {}

export const resourceSliceSchema = s.api('resource.v1.ResourceSlice', 'Devices that a driver has.', {
  ...objectFields,
  spec: s.field(resourceSliceSpec, 'The devices.', mandatory),
});
export interface ResourceSlice extends ObjectOf<typeof resourceSliceSchema> {}
