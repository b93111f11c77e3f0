// ResourceSlice: devices that a driver has, on one node or on several.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#resourceslice
import { column, defineKind } from '../../machinery/kind.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { ageColumn } from '../meta/columns.ts';
import { type ResourceSlice, resourceSliceSchema } from './resourceslice/schema.ts';
import { validateResourceSlice, validateResourceSliceUpdate } from './resourceslice/validation.ts';

export const ResourceSliceKind = defineKind<ResourceSlice>({
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  served: [{ group: 'resource.k8s.io', version: 'v1', schema: resourceSliceSchema }],
  hasGeneration: true,
  returnsDeletedObject: true,
  prepareForCreate: (slice, { nowMs }) => prepareDevices(slice, nowMs),
  prepareForUpdate: (slice, _old, { nowMs }) => prepareDevices(slice, nowMs),
  fieldRefusal: (field) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${field}`,
  selectableFields: {
    'spec.driver': ({ spec }) => spec.driver ?? '',
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
  },
  columns: [
    column('Node', 'string', 'The node that can use the devices.', ({ spec }) => spec.nodeName ?? ''),
    column('Driver', 'string', 'The driver that has them.', ({ spec }) => spec.driver),
    column('Pool', 'string', 'The pool they belong to.', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  validate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
});

/** Taints get their time. What this version has off, lists of attributes and shares of nodes, is not kept. */
function prepareDevices({ spec }: ResourceSlice, nowMs: number): void {
  for (const device of spec.devices ?? []) {
    for (const taint of device.taints ?? []) taint.timeAdded ??= timestamp(nowMs);
    delete device.nodeAllocatableResourceMappings;
    for (const attribute of Object.values(device.attributes ?? {})) {
      for (const field of ['bools', 'ints', 'strings', 'versions'] as const) delete attribute[field];
    }
  }
}
