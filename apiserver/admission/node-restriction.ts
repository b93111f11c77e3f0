// What a node may write: itself, without its taints and the labels that others rely on, the pods
// bound to it, tokens for them, and its lease. Upstream: the NodeRestriction plugin.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import { podClaimNames, podConfigMapNames, podSecretNames } from '../../api/core/pod/references.ts';
import { forbiddenError, type StatusError } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { nodeNameOf, nodesGroup } from '../authn/user.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const quoted = (text: string) => JSON.stringify(text);

type Check = (node: string, request: AdmissionRequest, deps: AdmissionDeps) => void | Promise<void>;

function refuse({ kind, name }: AdmissionRequest, why: string): StatusError {
  return forbiddenError({ group: kind.group, resource: kind.plural }, name, why);
}

const createPod: Check = (node, request, { store, kinds }) => {
  const { metadata, spec } = request.object!;
  if (metadata.annotations?.[mirrorAnnotation] === undefined) {
    throw refuse(
      request,
      `pod does not have ${quoted(mirrorAnnotation)} annotation, node ${quoted(node)} can only create mirror pods`,
    );
  }
  if (spec.nodeName !== node) {
    throw refuse(request, `node ${quoted(node)} can only create pods with spec.nodeName set to itself`);
  }
  const [owner, ...others] = metadata.ownerReferences ?? [];
  const uid = store.peek(kinds.kind('', 'Node'), '', node)?.object.metadata.uid;
  const isNode = owner?.kind === 'Node' && owner.apiVersion === 'v1' && owner.name === node && owner.uid === uid;
  if (!owner || !isNode || others.length > 0) {
    throw refuse(request, `node ${quoted(node)} can only create pods with an owner reference set to itself`);
  }
  if (owner.blockOwnerDeletion) {
    throw refuse(request, `node ${quoted(node)} must not set blockOwnerDeletion on an owner reference`);
  }
  const named: [string, boolean][] = [
    ['service accounts', !!spec.serviceAccountName],
    ['secrets', podSecretNames(spec).size > 0],
    ['configmaps', podConfigMapNames(spec).size > 0],
    ['persistentvolumeclaims', podClaimNames(request.name, spec).size > 0],
  ];
  for (const [what, names] of named) {
    if (names) throw refuse(request, `node ${quoted(node)} can not create pods that reference ${what}`);
  }
};

/** Deletion, status and eviction are for pods that are bound to the node. */
function ownPod(doing: string): Check {
  return async (node, request, { store, kinds }) => {
    const old = request.oldObject ?? (await store.get(kinds.kind('', 'Pod'), request.namespace, request.name)).object;
    if (old.spec.nodeName !== node) {
      throw refuse(request, `node ${quoted(node)} can only ${doing} pods with spec.nodeName set to itself`);
    }
    if (
      request.subresource === 'status' &&
      !jsonEqual(request.object!.metadata.labels ?? {}, old.metadata.labels ?? {})
    ) {
      throw refuse(request, `node ${quoted(node)} cannot update labels through pod status`);
    }
  };
}

const ownLabelNames = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const ownLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const isBelow = (domain: string, parent: string) => domain === parent || domain.endsWith(`.${parent}`);

/** Whether a label is for others to set: they select nodes by it, so a node must not take it. */
function isForbiddenLabel(label: string, isNew: boolean): boolean {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (isBelow(domain, 'node-restriction.kubernetes.io')) return true;
  const isKubernetes = isBelow(domain, 'kubernetes.io') || isBelow(domain, 'k8s.io');
  if (!isKubernetes || ownLabelNames.has(label)) return false;
  if (ownLabelDomains.some((own) => isBelow(domain, own))) return false;
  // Those that Kubernetes does not know yet may change on a node that has them, but a new node has none.
  return isNew || domain === 'node-role.kubernetes.io' || domain === 'kubernetes.io' || domain === 'k8s.io';
}

function changedLabels(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]);
}

const writeNode: Check = (node, request) => {
  const { object, oldObject, operation } = request;
  if (request.name !== node) {
    throw refuse(request, `node ${quoted(node)} is not allowed to modify node ${quoted(request.name)}`);
  }
  const labelsOf = (one: KubeObject | undefined) => one?.metadata.labels ?? {};
  const isNew = operation === 'CREATE';
  const forbidden = changedLabels(labelsOf(oldObject), labelsOf(object)).filter((l) => isForbiddenLabel(l, isNew));
  if (forbidden.length > 0) {
    const doing = isNew ? 'set the following labels' : 'modify labels';
    throw refuse(request, `node ${quoted(node)} is not allowed to ${doing}: ${forbidden.sort().join(', ')}`);
  }
  if (isNew) return;
  if (!jsonEqual(object!.spec.taints ?? [], oldObject!.spec.taints ?? [])) {
    throw refuse(request, `node ${quoted(node)} is not allowed to modify taints`);
  }
  if (!jsonEqual(object!.metadata.ownerReferences ?? [], oldObject!.metadata.ownerReferences ?? [])) {
    throw refuse(request, `node ${quoted(node)} is not allowed to modify ownerReferences`);
  }
};

/** Every audience that a pod's volumes ask tokens for; nothing stands for the API server's own. */
function* audiencesOf(pod: KubeObject, { store, kinds }: AdmissionDeps): Generator<string> {
  const find = (group: string, kind: string, name: string, namespace = '') =>
    store.peek(kinds.kind(group, kind), namespace, name)?.object;
  const driverOf = (claim: string): string | undefined => {
    const { volumeName = '' } = find('', 'PersistentVolumeClaim', claim, pod.metadata.namespace)?.spec ?? {};
    return volumeName === '' ? undefined : find('', 'PersistentVolume', volumeName)?.spec.csi?.driver;
  };
  for (const volume of pod.spec.volumes ?? []) {
    for (const source of volume.projected?.sources ?? []) {
      if (source.serviceAccountToken) yield source.serviceAccountToken.audience ?? '';
    }
    const claim = volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : volume.persistentVolumeClaim?.claimName;
    const driver = volume.csi?.driver ?? (claim && driverOf(claim));
    // What a storage driver gets with its calls, where its object asks for it.
    const requests = driver ? (find('storage.k8s.io', 'CSIDriver', driver)?.spec.tokenRequests ?? []) : [];
    for (const { audience } of requests) yield audience;
  }
}

const createToken: Check = async (node, request, deps) => {
  const { store, kinds } = deps;
  const { boundObjectRef: bound, audiences } = request.object!.spec;
  if (bound?.kind !== 'Pod' || bound.apiVersion !== 'v1' || !bound.name) {
    throw refuse(request, 'node requested token not bound to a pod');
  }
  if (!bound.uid) throw refuse(request, 'node requested token with a pod binding without a uid');
  const found = await store.find(kinds.kind('', 'Pod'), request.namespace, bound.name);
  if (!found) throw refuse(request, `pod ${quoted(bound.name)} not found`);
  const pod = found.object;
  if (pod.metadata.uid !== bound.uid) {
    throw refuse(
      request,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec.nodeName !== node)
    throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
  const known = new Set(audiencesOf(pod, deps));
  for (const audience of audiences?.length ? audiences : ['']) {
    if (!known.has(audience)) throw refuse(request, `audience ${quoted(audience)} not found in pod spec volume`);
  }
};

const ownLease: Check = (node, request) => {
  if (request.namespace !== nodeLeaseNamespace) {
    throw refuse(request, `can only access leases in the ${quoted(nodeLeaseNamespace)} system namespace`);
  }
  if (request.name !== node)
    throw refuse(request, `can only access node lease with the same name as the requesting node`);
};

const ownCsiNode: Check = (node, request) => {
  if (request.name !== node) throw refuse(request, 'can only access CSINode with the same name as the requesting node');
};

const newSlice: Check = (node, request) => {
  if (request.object!.spec.nodeName === node) return;
  throw refuse(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
};

/** By group, resource and subresource; `*` is every operation that a node is authorized for. */
const checks: Record<string, Partial<Record<AdmissionRequest['operation'] | '*', Check>>> = {
  '/pods': { CREATE: createPod, DELETE: ownPod('delete') },
  '/pods/status': { UPDATE: ownPod('update status for') },
  '/pods/eviction': { CREATE: ownPod('evict') },
  '/nodes': { CREATE: writeNode, UPDATE: writeNode },
  '/nodes/status': { UPDATE: writeNode },
  '/serviceaccounts/token': { CREATE: createToken },
  'coordination.k8s.io/leases': { '*': ownLease },
  'storage.k8s.io/csinodes': { '*': ownCsiNode },
  'resource.k8s.io/resourceslices': { CREATE: newSlice },
};

function checkOf({ kind, subresource, operation }: AdmissionRequest): Check | undefined {
  const found = checks[`${kind.group}/${kind.plural}${subresource === '' ? '' : `/${subresource}`}`];
  return found?.[operation] ?? found?.['*'];
}

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  handles: (request) => request.user.groups.includes(nodesGroup) && checkOf(request) !== undefined,
  async validate(request, deps) {
    const node = nodeNameOf(request.user);
    if (node === undefined) {
      throw refuse(request, `could not determine node from user ${quoted(request.user.username)}`);
    }
    await checkOf(request)!(node, request, deps);
  },
};
