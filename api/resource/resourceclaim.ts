// ResourceClaim: a claim on devices, and which were given for it.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { ageColumn } from '../meta/columns.ts';
import { validateImmutable } from '../meta/validation.ts';
import { setClaimDefaults } from './device/schema.ts';
import { validateDeviceClaim } from './device/validation.ts';
import { type ResourceClaim, resourceClaimSchema } from './resourceclaim/schema.ts';
import { allocatedDevices, deviceKey, validateClaimStatus } from './resourceclaim/status-validation.ts';

export const ResourceClaimKind = defineKind<ResourceClaim>({
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
  served: [
    {
      group: 'resource.k8s.io',
      version: 'v1',
      schema: resourceClaimSchema,
      setDefaults: ({ spec }: ResourceClaim) => setClaimDefaults(spec),
    },
  ],
  subresources: { status: true },
  statusKeeps: clientMetadata,
  returnsDeletedObject: true,
  prepareForStatusUpdate: dropReleasedDevices,
  columns: [column('State', 'string', 'Whether devices were given, and are in use.', showState), ageColumn],
  // What is asked for never changes: on an update only that is said.
  validate: ({ spec }, old) => (old ? [] : validateDeviceClaim(spec.devices ?? {}, 'spec.devices')),
  validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, 'spec'),
  validateStatusUpdate: validateClaimStatus,
});

/** What drivers said of devices that are given back with this write goes with them. */
function dropReleasedDevices(next: ResourceClaim, old: ResourceClaim): void {
  const { status } = next;
  if (!status?.devices?.length) return;
  const [before, now] = [allocatedDevices(old), allocatedDevices(next)];
  const kept = status.devices.filter((device) => now.has(deviceKey(device)) || !before.has(deviceKey(device)));
  if (kept.length > 0) status.devices = kept;
  else delete status.devices;
}

function showState({ metadata, status }: ResourceClaim): string {
  const states = metadata.deletionTimestamp ? ['deleted'] : [];
  if (status?.allocation) states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  else if (!metadata.deletionTimestamp) states.push('pending');
  return states.join(',');
}
