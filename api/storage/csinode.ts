// CSINode: the storage drivers on a node, written by its kubelet.
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-node-v1/
import { append, duplicate, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { validateQualifiedName } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable, validateNonNegative } from '../meta/validation.ts';
import { validateCSIDriverName } from './parameters.ts';

const volumeNodeResources = s.api('storage.v1.VolumeNodeResources', 'How many volumes a node can take.', {
  count: s.int32('Most volumes that can be attached; without a limit when absent.', { pointer: true }),
});

const csiNodeDriver = s.api('storage.v1.CSINodeDriver', 'A storage driver on a node.', {
  allocatable: s.field(volumeNodeResources, 'How many volumes it can take.'),
  name: s.string('Name of the driver.', mandatory),
  nodeID: s.string('What the driver calls the node.', mandatory),
  topologyKeys: s.list(s.string(''), 'Node labels that say where its volumes can be reached.', {
    always: true,
    listType: 'atomic',
  }),
});
export interface CSINodeDriver extends TypeOf<typeof csiNodeDriver> {}

const csiNodeSpec = s.api('storage.v1.CSINodeSpec', 'The storage drivers on a node.', {
  drivers: s.list(csiNodeDriver, 'The drivers.', { ...mandatory, ...mergedBy('name') }),
});

const schema = s.api('storage.v1.CSINode', 'The storage drivers on a node.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata; the name is the name of the node.', { always: true }),
  spec: s.field(csiNodeSpec, 'The drivers.', mandatory),
});
export interface CSINode extends ObjectOf<typeof schema> {}

export const CSINodeKind = defineKind<CSINode>({
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
  demandsVersion: true,
  served: [{ group: 'storage.k8s.io', version: 'v1', schema }],
  returnsDeletedObject: true,
  columns: [
    column('Drivers', 'integer', 'Number of drivers on the node.', ({ spec }) => spec.drivers?.length ?? 0),
    ageColumn,
  ],
  validate: ({ spec }) => validateDrivers(spec.drivers ?? []),
  validateUpdate,
});

const maxNodeIDLength = 256;

function validateDrivers(drivers: readonly CSINodeDriver[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, driver] of drivers.entries()) {
    const at = `spec.drivers[${i}]`;
    append(errors, validateCSIDriverName(driver.name, `${at}.name`));
    if (!driver.nodeID) errors.push(required(`${at}.nodeID`));
    if (byteLength(driver.nodeID ?? '') > maxNodeIDLength) {
      errors.push(invalid(`${at}.nodeID`, driver.nodeID, `must be ${maxNodeIDLength} characters or less`));
    }
    append(errors, validateNonNegative(driver.allocatable?.count, `${at}.allocatable.count`));
    if (seen.has(driver.name)) errors.push(duplicate(`${at}.name`, driver.name));
    seen.add(driver.name);
    const keys = new Set<string>();
    for (const key of driver.topologyKeys ?? []) {
      if (key === '') errors.push(required(at));
      if (keys.has(key)) errors.push(duplicate(at, key));
      keys.add(key);
      append(errors, validateQualifiedName(key, at));
    }
  }
  return errors;
}

/** A driver that stays on the node stays what it is, but for how many volumes it can take. */
function validateUpdate(next: CSINode, old: CSINode): FieldError[] {
  const before = new Map((old.spec.drivers ?? []).map((driver) => [driver.name, driver]));
  return (next.spec.drivers ?? []).flatMap((driver) => {
    const known = before.get(driver.name);
    if (!known) return [];
    const { allocatable: _a, ...was } = known;
    const { allocatable: _b, ...is } = driver;
    return validateImmutable(is, was, 'spec.drivers');
  });
}
