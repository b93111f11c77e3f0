// Nothing is created in a namespace that does not exist or is going away, and the namespaces of the system stay.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
import { notFoundError } from '../../machinery/errors.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { type AdmissionPlugin, refusal, requestsFor } from './plugin.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);
const isDeletion = requestsFor('namespaces', ['DELETE']);

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  handles: (request) => (request.operation === 'CREATE' && request.kind.namespaced) || isDeletion(request),
  async mutate(request, { store, kinds }) {
    const { operation, namespace } = request;
    if (operation !== 'CREATE') return;
    const namespaces = kinds.kind('', 'Namespace');
    // One that was made a moment ago, perhaps in the place of one that went, may not be in the
    // cache yet: nothing is refused because of it.
    const isOpen = (ns: StoredObject | undefined) => ns !== undefined && ns.object.status?.phase !== 'Terminating';
    if (isOpen(store.peek(namespaces, '', namespace))) return;
    const found = await store.read(namespaces, '', namespace);
    if (!found) throw notFoundError({ group: '', resource: 'namespaces' }, namespace);
    if (isOpen(found)) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const refused = refusal(request, why);
    const message = `namespace ${namespace} is being terminated`;
    refused.details!.causes = [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }];
    throw refused;
  },
  validate(request) {
    if (request.operation !== 'DELETE' || !immortal.has(request.name)) return;
    throw refusal(request, 'this namespace may not be deleted');
  },
};
