// CSIDriver: what Kubernetes should know of a storage driver before it calls it.
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-driver-v1/
import { append, duplicate, type FieldError, invalid, notSupported } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { validateOptionalWord, validateRequired } from '../meta/checks.ts';
import { ageColumn, orNone } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable } from '../meta/validation.ts';

const csiTokenRequest = s.api('storage.v1.TokenRequest', "A token of the pod's account that the driver gets.", {
  audience: s.string('Whom the token is for; the API server when empty.', mandatory),
  expirationSeconds: s.int64('How long it is valid.', { pointer: true }),
});
interface CSITokenRequest extends TypeOf<typeof csiTokenRequest> {}

const csiDriverSpec = s.api('storage.v1.CSIDriverSpec', 'How a storage driver is used.', {
  attachRequired: s.boolean('Whether volumes are attached to a node before they are mounted.', {
    pointer: true,
    default: true,
  }),
  fsGroupPolicy: s.string('When ownership of files is changed: ReadWriteOnceWithFSType, File or None.', {
    pointer: true,
    default: 'ReadWriteOnceWithFSType',
  }),
  nodeAllocatableUpdatePeriodSeconds: s.int64('How often the number of attachable volumes is asked for.', {
    pointer: true,
  }),
  podInfoOnMount: s.boolean('Whether the driver is told the pod it mounts for.', { pointer: true, default: false }),
  preventPodSchedulingIfMissing: s.boolean('Whether nodes without the driver are ruled out.', { pointer: true }),
  requiresRepublish: s.boolean('Whether the driver is called again and again.', { pointer: true, default: false }),
  seLinuxMount: s.boolean('Whether the driver takes a security label as a mount option.', {
    pointer: true,
    default: false,
  }),
  serviceAccountTokenInSecrets: s.boolean('Whether tokens are sent as secrets.', { pointer: true }),
  storageCapacity: s.boolean('Whether the scheduler heeds the capacity that the driver reports.', {
    pointer: true,
    default: false,
  }),
  tokenRequests: s.list(csiTokenRequest, 'Tokens that the driver gets with each call.', atomic),
  volumeLifecycleModes: s.list(s.string(''), 'Persistent, Ephemeral or both.', { listType: 'set' }),
});

const schema = s.api('storage.v1.CSIDriver', 'A storage driver of the cluster.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata; the name is the name of the driver.', { always: true }),
  spec: s.field(csiDriverSpec, 'How the driver is used.', mandatory),
});
export interface CSIDriver extends ObjectOf<typeof schema> {}

export const CSIDriverKind = defineKind<CSIDriver>({
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
  demandsVersion: true,
  served: [{ group: 'storage.k8s.io', version: 'v1', schema, setDefaults }],
  hasGeneration: true,
  returnsDeletedObject: true,
  // Off in this version, and then not kept.
  prepareForCreate: ({ spec }) => {
    delete spec.preventPodSchedulingIfMissing;
  },
  prepareForUpdate: ({ spec }) => {
    delete spec.preventPodSchedulingIfMissing;
  },
  columns: [
    column(
      'AttachRequired',
      'boolean',
      'Whether volumes are attached first.',
      ({ spec }) => spec.attachRequired ?? true,
    ),
    column(
      'PodInfoOnMount',
      'boolean',
      'Whether the driver is told the pod.',
      ({ spec }) => spec.podInfoOnMount ?? false,
    ),
    column(
      'StorageCapacity',
      'boolean',
      'Whether its capacity is heeded.',
      ({ spec }) => spec.storageCapacity ?? false,
    ),
    column('TokenRequests', 'string', 'Whom its tokens are for.', ({ spec }) =>
      spec.tokenRequests?.length ? spec.tokenRequests.map((request) => request.audience).join(',') : '<unset>',
    ),
    column(
      'RequiresRepublish',
      'boolean',
      'Whether it is called again and again.',
      ({ spec }) => spec.requiresRepublish ?? false,
    ),
    column('Modes', 'string', 'Lifecycles of its volumes.', ({ spec }) => orNone(spec.volumeLifecycleModes?.join(','))),
    ageColumn,
  ],
  validate,
  validateUpdate: ({ spec: next }, { spec: old }) => [
    ...validateImmutable(next.attachRequired, old.attachRequired, 'spec.attachedRequired'),
    ...validateImmutable(next.volumeLifecycleModes, old.volumeLifecycleModes, 'spec.volumeLifecycleModes'),
  ],
});

function setDefaults({ spec }: CSIDriver): void {
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
}

const leastPeriodSeconds = 10;

function validate({ spec }: CSIDriver): FieldError[] {
  const errors = validateRequired(spec.attachRequired, 'spec.attachedRequired');
  append(errors, validateRequired(spec.podInfoOnMount, 'spec.podInfoOnMount'));
  append(errors, validateRequired(spec.storageCapacity, 'spec.storageCapacity'));
  const policies = ['File', 'None', 'ReadWriteOnceWithFSType'];
  append(errors, validateOptionalWord(spec.fsGroupPolicy, policies, 'spec.fsGroupPolicy'));
  append(errors, validateTokenRequests(spec.tokenRequests ?? []));
  const modes = ['Persistent', 'Ephemeral'];
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!modes.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, modes));
  }
  append(errors, validateRequired(spec.seLinuxMount, 'spec.seLinuxMount'));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < leastPeriodSeconds) {
    const text = 'must be greater than or equal to 10 seconds';
    errors.push(invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, text));
  }
  return errors;
}

function validateTokenRequests(requests: readonly CSITokenRequest[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { audience, expirationSeconds: seconds }] of requests.entries()) {
    if (seen.has(audience)) {
      errors.push(duplicate(`spec.tokenRequests[${i}].audience`, audience));
      continue;
    }
    seen.add(audience);
    const at = `spec.tokenRequests[${i}].expirationSeconds`;
    if (seconds === undefined) continue;
    if (seconds < 600) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
    if (seconds > 2 ** 32) errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  return errors;
}
