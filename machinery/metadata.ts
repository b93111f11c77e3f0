// Object metadata and the small meta/v1 types that every API group shares.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
import { atomic, mandatory, mergedBy, s, type TypeOf } from './schema.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const ownerReference = s.object(
  `${meta}.OwnerReference`,
  'Names an object that this one depends on.',
  {
    apiVersion: s.string('API version of the owner.', mandatory),
    blockOwnerDeletion: s.boolean('Holds a foreground deletion of the owner until this object is gone.', {
      pointer: true,
    }),
    controller: s.boolean('Marks the one owner that manages this object.', { pointer: true }),
    kind: s.string('Kind of the owner.', mandatory),
    name: s.string('Name of the owner.', mandatory),
    uid: s.string('UID of the owner.', mandatory),
  },
  { mapType: 'atomic' },
);
export type OwnerReference = TypeOf<typeof ownerReference>;

const managedFieldsEntry = s.object(`${meta}.ManagedFieldsEntry`, 'Which fields one manager set, and when.', {
  apiVersion: s.string('API version that the field set is written in.'),
  fieldsType: s.string('Format of fieldsV1; only FieldsV1 exists.'),
  fieldsV1: s.any(`${meta}.FieldsV1`, 'The set of fields, as a tree of f:, k:, v: and i: keys.'),
  manager: s.string('Name of the workflow that manages these fields.'),
  operation: s.string('Apply or Update.'),
  subresource: s.string('Subresource through which the fields were set.'),
  time: s.time('When the entry last changed.'),
});
export type ManagedFieldsEntry = TypeOf<typeof managedFieldsEntry>;

export const objectMeta = s.object(`${meta}.ObjectMeta`, 'What every stored object carries besides its own content.', {
  annotations: s.map(s.string(''), 'Free text for tools; not used to select objects.'),
  creationTimestamp: s.time('CreationTimestamp is a timestamp of when the server made the object.'),
  deletionGracePeriodSeconds: s.int64('Seconds the object has to end by itself once deletion has begun.', {
    pointer: true,
  }),
  deletionTimestamp: s.time('When the object is to be gone; set by the server on deletion.'),
  finalizers: s.list(s.string(''), 'What must still be done before the object may go.', {
    listType: 'set',
    patchStrategy: 'merge',
  }),
  generateName: s.string('Prefix from which the server makes a unique name when name is empty.'),
  generation: s.int64('Counts the changes of the desired state.'),
  labels: s.map(s.string(''), 'Keys and values by which objects are selected.'),
  managedFields: s.list(managedFieldsEntry, 'Who set which fields.', { listType: 'atomic', pointer: true }),
  name: s.string('Unique name within the namespace and resource.'),
  namespace: s.string('Namespace of the object; empty for cluster-wide objects.'),
  ownerReferences: s.list(
    ownerReference,
    'Objects this one depends on; when all are gone it is collected.',
    mergedBy('uid'),
  ),
  resourceVersion: s.string('Opaque version of the stored object, for optimistic locking and watches.'),
  selfLink: s.string('No longer filled in.'),
  uid: s.string('Unique in time and space; set by the server.'),
});
export type ObjectMeta = TypeOf<typeof objectMeta>;

export const labelSelectorRequirement = s.object(`${meta}.LabelSelectorRequirement`, 'One condition on a label.', {
  key: s.string('Label key.', mandatory),
  operator: s.string('In, NotIn, Exists or DoesNotExist.', mandatory),
  values: s.list(s.string(''), 'Values for In and NotIn.', atomic),
});

export const labelSelector = s.object(
  `${meta}.LabelSelector`,
  'Selects objects by labels; all conditions must hold.',
  {
    matchExpressions: s.list(labelSelectorRequirement, 'Conditions on label keys.', atomic),
    matchLabels: s.map(s.string(''), 'Labels that must have exactly these values.'),
  },
  { mapType: 'atomic' },
);
export type LabelSelector = TypeOf<typeof labelSelector>;

export const condition = s.object(`${meta}.Condition`, 'One aspect of the state of an object.', {
  lastTransitionTime: s.time('When the status last changed.', mandatory),
  message: s.string('Explanation for people.', mandatory),
  observedGeneration: s.int64('The generation the condition was computed from.'),
  reason: s.string('One word for programs.', mandatory),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Name of the condition.', mandatory),
});
export type Condition = TypeOf<typeof condition>;

/** What the conditions of most kinds are made of; they are older than `condition`, and less of them is required. */
export const conditionFields = {
  lastTransitionTime: s.time('When the status last changed.', { always: true }),
  message: s.string('Explanation for people.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Name of the condition.', mandatory),
} as const;

/** The fields that stand at the top of every object. */
export const typeMeta = {
  apiVersion: s.string('APIVersion defines the group and version of this representation.'),
  kind: s.string('The kind of the object.'),
} as const;

/** The conditions of a kind that has no more than that in them. */
export const conditionOf = (name: string, what: string) =>
  s.api(name, `One aspect of the state of ${what}.`, { ...conditionFields }); // of its own: codecs are known by them

/** The fields that every object begins with. */
export const objectFields = {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
} as const;

/** Any object as the generic code sees it. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  [field: string]: any;
}

/** `namespace/name`, or `name` for cluster-wide objects: the key of caches and work queues. */
export function keyOf(object: { metadata: ObjectMeta }): string {
  const { namespace, name = '' } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** The owner that manages the object, if any. */
export function controllerOf(object: { metadata: ObjectMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((o) => o.controller === true);
}

/** Orders the youngest first; of those of one second, by their names. */
export function newestFirst(a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): number {
  const born = ({ metadata }: { metadata: ObjectMeta }) => metadata.creationTimestamp ?? '';
  if (born(a) === born(b)) return a.metadata.name! < b.metadata.name! ? -1 : 1;
  return born(a) < born(b) ? 1 : -1;
}
