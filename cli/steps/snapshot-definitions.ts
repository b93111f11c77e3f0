// The kinds of snapshots as definitions of custom resources, with the names and rules of external-snapshotter's manifests,
// so that applying those over ours is no contradiction. https://kubernetes.io/docs/concepts/storage/volume-snapshots/
import {
  snapshotGroup,
  VolumeSnapshotClassKind,
  VolumeSnapshotContentKind,
  VolumeSnapshotKind,
} from '../../api/snapshot/volume-snapshots.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { AnySchema } from '../../machinery/schema.ts';

type Rule = [message: string, rule: string];
const stays = (name: string): Rule => [`${name} is required once set`, `!has(oldSelf.${name}) || has(self.${name})`];
const alone = (one: string, other: string) => `(has(self.${one}) && !has(self.${other}))`;

/** What expressions demand of a field. */
function rulesOf(schema: AnySchema, name: string, parent: string): Rule[] {
  switch (name) {
    case 'source': {
      const [a = '', b = ''] = schema.type === 'object' ? Object.keys(schema.fields) : [];
      return [stays(a), stays(b), [`exactly one of ${a} and ${b} must be set`, `${alone(a, b)} || ${alone(b, a)}`]];
    }
    case 'volumeSnapshotRef': {
      const named = 'both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set';
      return [[named, 'has(self.name) && has(self.__namespace__)']];
    }
    case 'volumeSnapshotClassName':
      return [['volumeSnapshotClassName must not be the empty string when set', 'size(self) > 0']];
    case 'spec':
      return schema.type === 'object' && schema.fields.sourceVolumeMode ? [stays('sourceVolumeMode')] : [];
    default:
      return parent === 'source' || name === 'sourceVolumeMode' ? [[`${name} is immutable`, 'self == oldSelf']] : [];
  }
}

const number = '(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))';
const quantity = {
  pattern: `^(\\+|-)?${number}(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?${number}))?$`,
  'x-kubernetes-int-or-string': true,
};

/** The schema as definitions write it, as far as these kinds need. */
function propsOf(schema: AnySchema, name = '', parent = ''): object {
  const { type, doc, enum: allowed } = schema;
  const rules = rulesOf(schema, name, parent).map(([message, rule]) => ({ message, rule }));
  const shared = {
    type: type === 'map' ? 'object' : type,
    ...(doc ? { description: doc } : {}),
    ...(allowed ? { enum: allowed } : {}),
    ...(rules.length > 0 ? { 'x-kubernetes-validations': rules } : {}),
  };
  if (type === 'map') return { ...shared, additionalProperties: propsOf(schema.values) };
  if (type !== 'object') {
    const format = 'format' in schema ? schema.format : undefined;
    return { ...shared, ...(format === 'quantity' ? quantity : format ? { format } : {}) };
  }
  if (name === 'metadata') return { type };
  const required = Object.keys(schema.fields).filter((field) => schema.fields[field]!.required);
  const fields = Object.entries(schema.fields).map(([key, field]) => [key, propsOf(field, key, name)]);
  return {
    ...shared,
    properties: Object.fromEntries(fields),
    ...(required.length > 0 ? { required } : {}),
    ...(schema.mapType ? { 'x-kubernetes-map-type': schema.mapType } : {}),
  };
}

/** `pull`: where Kubernetes has agreed to what is in a group of its own. `columns`: name, type and path, one a line. */
function definitionOf({ kind, listKind, plural, singular, ...of }: Kind, pull: number, columns: string) {
  const version = {
    name: of.storage.version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: propsOf(of.storage.schema) },
    additionalPrinterColumns: `${columns.trim()}\nAge date .metadata.creationTimestamp`.split('\n').map((line) => {
      const [name, type, jsonPath] = line.trim().split(' ');
      return { name, type, jsonPath };
    }),
    subresources: of.subresources.status ? { status: {} } : {},
  };
  const approved = `https://github.com/kubernetes-csi/external-snapshotter/pull/${pull}`;
  const names = { kind, listKind, plural, singular, shortNames: of.shortNames };
  return {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1',
    metadata: { name: `${plural}.${snapshotGroup}`, annotations: { 'api-approved.kubernetes.io': approved } },
    spec: { group: snapshotGroup, scope: of.scope, names, versions: [version] },
  };
}

/** That of classes is the first. */
export const snapshotDefinitions = [
  definitionOf(
    VolumeSnapshotClassKind,
    814,
    `Driver string .driver
     DeletionPolicy string .deletionPolicy`,
  ),
  definitionOf(
    VolumeSnapshotKind,
    814,
    `ReadyToUse boolean .status.readyToUse
     SourcePVC string .spec.source.persistentVolumeClaimName
     SourceSnapshotContent string .spec.source.volumeSnapshotContentName
     RestoreSize string .status.restoreSize
     SnapshotClass string .spec.volumeSnapshotClassName
     SnapshotContent string .status.boundVolumeSnapshotContentName
     CreationTime date .status.creationTime`,
  ),
  definitionOf(
    VolumeSnapshotContentKind,
    955,
    `ReadyToUse boolean .status.readyToUse
     RestoreSize integer .status.restoreSize
     DeletionPolicy string .spec.deletionPolicy
     Driver string .spec.driver
     VolumeSnapshotClass string .spec.volumeSnapshotClassName
     VolumeSnapshot string .spec.volumeSnapshotRef.name
     VolumeSnapshotNamespace string .spec.volumeSnapshotRef.namespace`,
  ),
];
