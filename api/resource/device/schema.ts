// What claims, their templates and device classes say about devices.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

const celDeviceSelector = s.api('resource.v1.CELDeviceSelector', 'Selects devices by an expression.', {
  expression: s.string('CEL expression over `device`; true for devices that will do.', mandatory),
});

export const deviceSelector = s.api('resource.v1.DeviceSelector', 'Selects devices.', {
  cel: s.field(celDeviceSelector, 'An expression.'),
});
export interface DeviceSelector extends TypeOf<typeof deviceSelector> {}

export const opaqueDeviceConfiguration = s.api(
  'resource.v1.OpaqueDeviceConfiguration',
  'Settings that only the driver understands.',
  {
    driver: s.string('The driver they are for.', mandatory),
    parameters: s.any('io.k8s.apimachinery.pkg.runtime.RawExtension', 'The settings.', { required: true }),
  },
);
export interface OpaqueDeviceConfiguration extends TypeOf<typeof opaqueDeviceConfiguration> {}

export const deviceToleration = s.api('resource.v1.DeviceToleration', 'Lets a request have tainted devices.', {
  effect: s.string('Effect to tolerate; all when empty.', { enum: ['NoExecute', 'NoSchedule', 'None'] }),
  key: s.string('Taint key; all with operator Exists when empty.'),
  operator: s.string('Exists or Equal.', { default: 'Equal', enum: ['Equal', 'Exists'] }),
  tolerationSeconds: s.int64('Seconds a NoExecute taint is tolerated; forever when absent.', { pointer: true }),
  value: s.string('Taint value for Equal.'),
});
export interface DeviceToleration extends TypeOf<typeof deviceToleration> {}

const capacityRequirements = s.api('resource.v1.CapacityRequirements', 'How much of a shared device is asked for.', {
  requests: s.map(s.quantity(''), 'Amounts by name of the capacity.'),
});

/** How many devices of which class. */
const amountFields = {
  allocationMode: s.string('ExactCount, or All.', { enum: ['All', 'ExactCount'] }),
  capacity: s.field(capacityRequirements, 'How much of each device.'),
  count: s.int64('Number of devices, with ExactCount.'),
  deviceClassName: s.string('The class they must belong to.', mandatory),
  selectors: s.list(deviceSelector, 'What else must hold; all of these.', atomic),
  tolerations: s.list(deviceToleration, 'Taints that are tolerated.', atomic),
} as const;

const exactDeviceRequest = s.api('resource.v1.ExactDeviceRequest', 'A request that can be met in one way.', {
  ...amountFields,
  adminAccess: s.boolean('Access to devices in use, for monitoring.', { pointer: true }),
});
export interface ExactDeviceRequest extends TypeOf<typeof exactDeviceRequest> {}

const deviceSubRequest = s.api('resource.v1.DeviceSubRequest', 'One of several ways to meet a request.', {
  ...amountFields,
  name: s.string('Name of this way.', mandatory),
});
export interface DeviceSubRequest extends TypeOf<typeof deviceSubRequest> {}

const deviceRequest = s.api('resource.v1.DeviceRequest', 'A request for devices.', {
  exactly: s.field(exactDeviceRequest, 'The one way to meet it.'),
  firstAvailable: s.list(deviceSubRequest, 'Ways to meet it, best first.', atomic),
  name: s.string('Name that containers and constraints refer to.', mandatory),
});
export interface DeviceRequest extends TypeOf<typeof deviceRequest> {}

const deviceConstraint = s.api('resource.v1.DeviceConstraint', 'What the devices of a claim must have in common.', {
  distinctAttribute: s.string('Attribute in which all must differ.', { pointer: true }),
  matchAttribute: s.string('Attribute in which all must be equal.', { pointer: true }),
  requests: s.list(s.string(''), 'Requests it holds for; all when empty.', atomic),
});
export interface DeviceConstraint extends TypeOf<typeof deviceConstraint> {}

const deviceClaimConfiguration = s.api('resource.v1.DeviceClaimConfiguration', 'Settings for the devices of a claim.', {
  opaque: s.field(opaqueDeviceConfiguration, 'Settings for a driver.'),
  requests: s.list(s.string(''), 'Requests they are for; all when empty.', atomic),
});
export interface DeviceClaimConfiguration extends TypeOf<typeof deviceClaimConfiguration> {}

const deviceClaim = s.api('resource.v1.DeviceClaim', 'Which devices are asked for.', {
  config: s.list(deviceClaimConfiguration, 'Settings for the drivers.', atomic),
  constraints: s.list(deviceConstraint, 'What must hold for all of them.', atomic),
  requests: s.list(deviceRequest, 'The requests.', atomic),
});
export interface DeviceClaim extends TypeOf<typeof deviceClaim> {}

export const resourceClaimSpec = s.api('resource.v1.ResourceClaimSpec', 'What a claim asks for.', {
  devices: s.field(deviceClaim, 'The devices.', { always: true }),
});
export interface ResourceClaimSpec extends TypeOf<typeof resourceClaimSpec> {}

/** One device where nothing else is said. Changes the draft. */
export function setClaimDefaults({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable } of devices?.requests ?? []) {
    for (const request of [...(exactly ? [exactly] : []), ...(firstAvailable ?? [])]) {
      request.allocationMode ??= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
    }
  }
}
