// The schema of ResourceClaim: what is asked for, and which devices were given.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { condition, objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { nodeSelector } from '../../core/pod/affinity.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { deviceToleration, opaqueDeviceConfiguration, resourceClaimSpec } from '../device/schema.ts';

const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension';

const deviceResult = s.api('resource.v1.DeviceRequestAllocationResult', 'A device given for a request.', {
  adminAccess: s.boolean('Whether it was given for monitoring.', { pointer: true }),
  bindingConditions: s.list(s.string(''), 'Conditions to wait for before the pod is bound.', atomic),
  bindingFailureConditions: s.list(s.string(''), 'Conditions that say the binding has failed.', atomic),
  consumedCapacity: s.map(s.quantity(''), 'How much of a shared device was given.'),
  device: s.string('Name of the device within the pool.', mandatory),
  driver: s.string('Its driver.', mandatory),
  pool: s.string('Its pool.', mandatory),
  request: s.string('The request, and the way in which it was met: `request/subrequest`.', mandatory),
  shareID: s.string('Which share of a shared device.', { pointer: true }),
  tolerations: s.list(deviceToleration, 'Taints that the request tolerates.', atomic),
});
export interface DeviceRequestAllocationResult extends TypeOf<typeof deviceResult> {}

const allocatedConfiguration = s.api(
  'resource.v1.DeviceAllocationConfiguration',
  'Settings for devices that were given.',
  {
    opaque: s.field(opaqueDeviceConfiguration, 'Settings for a driver.'),
    requests: s.list(s.string(''), 'Requests they are for; all when empty.', atomic),
    source: s.string('Where they come from: FromClass or FromClaim.', {
      ...mandatory,
      enum: ['FromClaim', 'FromClass'],
    }),
  },
);
export interface DeviceAllocationConfiguration extends TypeOf<typeof allocatedConfiguration> {}

const deviceAllocationResult = s.api('resource.v1.DeviceAllocationResult', 'The devices that were given.', {
  config: s.list(allocatedConfiguration, 'Settings for their drivers.', atomic),
  results: s.list(deviceResult, 'The devices.', atomic),
});

const allocationResult = s.api('resource.v1.AllocationResult', 'What was given.', {
  allocationTimestamp: s.time('When it was given.'),
  devices: s.field(deviceAllocationResult, 'The devices.', { always: true }),
  nodeSelector: s.field(nodeSelector, 'Nodes on which they can be used; all when absent.'),
});
export interface AllocationResult extends TypeOf<typeof allocationResult> {}

const networkDeviceData = s.api('resource.v1.NetworkDeviceData', 'A network interface.', {
  hardwareAddress: s.string('Its MAC address.'),
  interfaceName: s.string('Its name in the pod.'),
  ips: s.list(s.string(''), 'Its addresses, with prefix lengths.', atomic),
});
export interface NetworkDeviceData extends TypeOf<typeof networkDeviceData> {}

const allocatedDeviceStatus = s.api('resource.v1.AllocatedDeviceStatus', 'What a driver says of a device in use.', {
  conditions: s.list(condition, 'State of the device.', { listType: 'map', listMapKeys: ['type'] }),
  data: s.any(rawExtension, 'What else the driver says.'),
  device: s.string('Name of the device within the pool.', mandatory),
  driver: s.string('Its driver.', mandatory),
  networkData: s.field(networkDeviceData, 'The network interface that it is.'),
  pool: s.string('Its pool.', mandatory),
  shareID: s.string('Which share of a shared device.', { pointer: true }),
});
export interface AllocatedDeviceStatus extends TypeOf<typeof allocatedDeviceStatus> {}

const resourceClaimConsumerReference = s.api('resource.v1.ResourceClaimConsumerReference', 'Who uses a claim.', {
  apiGroup: s.string('API group; empty for the core group.'),
  name: s.string('Name of the object.', mandatory),
  resource: s.string('Resource of the object: pods.', mandatory),
  uid: s.string('UID of the object.', mandatory),
});
export interface ResourceClaimConsumerReference extends TypeOf<typeof resourceClaimConsumerReference> {}

const resourceClaimStatus = s.api('resource.v1.ResourceClaimStatus', 'What was given for a claim, and to whom.', {
  allocation: s.field(allocationResult, 'What was given; nothing yet when absent.'),
  devices: s.list(allocatedDeviceStatus, 'What the drivers say.', {
    listType: 'map',
    listMapKeys: ['driver', 'device', 'pool', 'shareID'],
  }),
  reservedFor: s.list(resourceClaimConsumerReference, 'Who may use it.', mergedBy('uid')),
});

export const resourceClaimSchema = s.api('resource.v1.ResourceClaim', 'A claim on devices.', {
  ...objectFields,
  spec: s.field(resourceClaimSpec, 'What it asks for; it never changes.', mandatory),
  status: s.field(resourceClaimStatus, 'What was given.', { always: true }),
});
export interface ResourceClaim extends ObjectOf<typeof resourceClaimSchema> {}
