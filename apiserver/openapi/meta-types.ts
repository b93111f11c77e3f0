// The types that answers and bodies of every kind have in common.
import { deleteOptions } from '../../api/meta/delete-options.ts';
import { typeMeta } from '../../machinery/metadata.ts';
import { atomic, type ObjectSchema, s } from '../../machinery/schema.ts';

export const metaName = (kind: string) => `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`;

export const listMeta = s.object(metaName('ListMeta'), 'What lists carry besides their items.', {
  continue: s.string('Token for the next page.'),
  remainingItemCount: s.int64('How many items are left.'),
  resourceVersion: s.string('The version the list is true at.'),
  selfLink: s.string('No longer filled in.'),
});

const statusCause = s.object(metaName('StatusCause'), 'One of several reasons.', {
  field: s.string('The field that caused it.'),
  message: s.string('What is wrong, for people.'),
  reason: s.string('What is wrong, for programs.'),
});

const statusDetails = s.object(metaName('StatusDetails'), 'What an answer is about.', {
  causes: s.list(statusCause, 'The single reasons.', atomic),
  group: s.string('The group of the resource.'),
  kind: s.string('The kind of the resource.'),
  name: s.string('The name of the object.'),
  retryAfterSeconds: s.int32('When to try again.'),
  uid: s.string('The UID of the object.'),
});

const status = s.object(metaName('Status'), 'What became of a request that does not answer with an object.', {
  ...typeMeta,
  code: s.int32('The HTTP status.'),
  details: s.field(statusDetails, 'More about it.', atomic),
  message: s.string('What happened, for people.'),
  metadata: s.field(listMeta, 'Standard list metadata.'),
  reason: s.string('What happened, for programs.'),
  status: s.string('Success or Failure.'),
});

const watchEvent = s.object(metaName('WatchEvent'), 'One change that a watch tells.', {
  object: s.any('io.k8s.apimachinery.pkg.runtime.RawExtension', 'The object as it is now, or was at its end.', {
    required: true,
  }),
  type: s.string('ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.', { required: true }),
});

const patch = s.object(metaName('Patch'), 'A change, in the form that the content type says.', {});

export const metaSchemas: readonly ObjectSchema[] = [deleteOptions, status, watchEvent, patch];

/** Their names. */
export const metaTypes = {
  deleteOptions: deleteOptions.name,
  status: status.name,
  watchEvent: watchEvent.name,
  patch: patch.name,
} as const;
