// DeleteOptions: how to delete an object.
// The body of a DELETE, and part of an Eviction. Upstream: apis/meta/v1.DeleteOptions.
import { typeMeta } from '../../machinery/metadata.ts';
import { atomic, s, type TypeOf } from '../../machinery/schema.ts';

export const preconditions = s.object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions',
  'What must hold before an operation.',
  {
    resourceVersion: s.string('The version the object must have.', { pointer: true }),
    uid: s.string('The UID the object must have.', { pointer: true }),
  },
);
export interface Preconditions extends TypeOf<typeof preconditions> {}

export const deleteOptions = s.object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  'How to delete an object.',
  {
    ...typeMeta,
    dryRun: s.list(s.string(''), 'All to check without deleting.', atomic),
    gracePeriodSeconds: s.int64('Seconds to end; 0 for at once.', { pointer: true }),
    ignoreStoreReadErrorWithClusterBreakingPotential: s.boolean(
      'Delete even an object that cannot be read from storage.',
      { pointer: true },
    ),
    orphanDependents: s.boolean('Old form of propagationPolicy.', { pointer: true }),
    preconditions: s.field(preconditions, 'What must hold for the deletion.'),
    propagationPolicy: s.string('Orphan, Background or Foreground.', { pointer: true }),
  },
);
export interface DeleteOptions extends TypeOf<typeof deleteOptions> {}
