// What a node may write: itself, without its taints and the labels that others rely on, the pods
// bound to it, tokens for them, and its lease. Upstream: the NodeRestriction plugin.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import { podClaimNames, podConfigMapNames, podSecretNames } from '../../api/core/pod/references.ts';
import { CertificateRequestError, parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { nodeNameOf, nodesGroup } from '../authn/user.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, refusal } from './plugin.ts';

const quoted = (text: string) => JSON.stringify(text);

type Check = (node: string, request: AdmissionRequest, deps: AdmissionDeps) => void | Promise<void>;

const createPod: Check = (node, request, { store, kinds }) => {
  const { metadata, spec } = request.object!;
  if (metadata.annotations?.[mirrorAnnotation] === undefined) {
    throw refusal(
      request,
      `pod does not have ${quoted(mirrorAnnotation)} annotation, node ${quoted(node)} can only create mirror pods`,
    );
  }
  if (spec.nodeName !== node) {
    throw refusal(request, `node ${quoted(node)} can only create pods with spec.nodeName set to itself`);
  }
  const [owner, ...others] = metadata.ownerReferences ?? [];
  const refuseOwner = (what: string) => refusal(request, `node ${quoted(node)} can only create pods with ${what}`);
  if (others.length > 0) throw refuseOwner('a single owner reference set to itself');
  if (owner?.kind !== 'Node' || owner.apiVersion !== 'v1' || owner.name !== node) {
    throw refuseOwner('an owner reference set to itself');
  }
  if (!owner.controller) throw refuseOwner('a controller owner reference set to itself');
  if (owner.blockOwnerDeletion) {
    throw refusal(request, `node ${quoted(node)} must not set blockOwnerDeletion on an owner reference`);
  }
  const own = store.peek(kinds.kind('', 'Node'), '', node)?.object.metadata;
  if (!own) throw notFoundError({ group: '', resource: 'nodes' }, node);
  if (owner.uid !== own.uid) throw refusal(request, `node ${node} UID mismatch: expected ${owner.uid} got ${own.uid}`);
  const sources = (spec.volumes ?? []).flatMap((volume: any) => volume.projected?.sources ?? []);
  const named: [string, boolean][] = [
    ['a service account', !!spec.serviceAccountName],
    ['secrets', podSecretNames(spec).size > 0],
    ['configmaps', podConfigMapNames(spec).size > 0],
    ['clustertrustbundles', sources.some((source: any) => source.clusterTrustBundle)],
    ['persistentvolumeclaims', podClaimNames(request.name, spec).size > 0],
    ['resourceclaims', (spec.resourceClaims ?? []).length > 0],
  ];
  for (const [what, names] of named) {
    if (names) throw refusal(request, `node ${quoted(node)} can not create pods that reference ${what}`);
  }
};

/** Deletion, status and eviction are for pods that are bound to the node. `doing` is told with its name. */
function ownPod(doing: (node: string) => string): Check {
  return async (node, request, { store, kinds }) => {
    const old = request.oldObject ?? (await store.get(kinds.kind('', 'Pod'), request.namespace, request.name)).object;
    if (old.spec.nodeName !== node) throw refusal(request, `${doing(node)} pods with spec.nodeName set to itself`);
    if (request.subresource !== 'status') return;
    const next = request.object!;
    if (!jsonEqual(next.metadata.labels ?? {}, old.metadata.labels ?? {})) {
      throw refusal(request, `node ${quoted(node)} cannot update labels through pod status`);
    }
    const claimsOf = ({ status }: KubeObject) => status?.resourceClaimStatuses ?? [];
    if (!jsonEqual(claimsOf(next), claimsOf(old))) {
      throw refusal(request, `node ${quoted(node)} cannot update resource claim statues`);
    }
  };
}

/** Of a claim a node tells how large its volume is. */
const claimStatus: Check = (node, request) => {
  const others = ({ metadata, status, ...rest }: KubeObject) => {
    const { resourceVersion, managedFields, ...kept } = metadata;
    const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...said } = status ?? {};
    return { ...rest, metadata: kept, status: said };
  };
  if (jsonEqual(others(request.object!), others(request.oldObject!))) return;
  const why = 'is not allowed to update fields other than status.quantity and status.conditions';
  throw refusal(request, `node ${quoted(node)} ${why}`);
};

const kubeletSigners = ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'];

/** A node asks for certificates in its own name. */
const newRequest: Check = (node, request) => {
  const { signerName, request: pem } = request.object!.spec;
  if (!kubeletSigners.includes(signerName)) return;
  const name = `system:node:${node}`;
  let asked: string;
  try {
    asked = parseCertificateRequest(pemOfField(pem ?? '')).commonName;
  } catch (err) {
    if (!(err instanceof CertificateRequestError)) throw err;
    throw refusal(request, `unable to parse csr: ${err.message}`);
  }
  if (asked !== name) throw refusal(request, `can only create a node CSR with CN=${name}`);
};

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
function isForbiddenLabel(label: string): boolean {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (isBelow(domain, 'node-restriction.kubernetes.io')) return true;
  if (!isBelow(domain, 'kubernetes.io') && !isBelow(domain, 'k8s.io')) return false;
  return !ownLabelNames.has(label) && !ownLabelDomains.some((own) => isBelow(domain, own));
}

function changedLabels(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]);
}

const writeNode: Check = (node, request) => {
  const { object, oldObject, operation } = request;
  if (request.name !== node) {
    throw refusal(request, `node ${quoted(node)} is not allowed to modify node ${quoted(request.name)}`);
  }
  const refuseNode = (what: string) => refusal(request, `node ${quoted(node)} is not allowed to ${what}`);
  const labelsOf = (one: KubeObject | undefined) => one?.metadata.labels ?? {};
  const labels = changedLabels(labelsOf(oldObject), labelsOf(object)).filter(isForbiddenLabel).sort().join(', ');
  const { configSource } = object!.spec;
  if (operation === 'CREATE') {
    if (configSource) throw refuseNode('create pods with a non-nil configSource');
    if (labels) throw refuseNode(`set the following labels: ${labels}`);
    return;
  }
  if (configSource && !jsonEqual(configSource, oldObject!.spec.configSource)) {
    throw refuseNode('update configSource to a new non-nil configSource');
  }
  if (!jsonEqual(object!.spec.taints ?? [], oldObject!.spec.taints ?? [])) throw refuseNode('modify taints');
  if (labels) throw refusal(request, `is not allowed to modify labels: ${labels}`);
  if (!jsonEqual(object!.metadata.ownerReferences ?? [], oldObject!.metadata.ownerReferences ?? [])) {
    throw refuseNode('modify ownerReferences');
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
    throw refusal(request, 'node requested token not bound to a pod');
  }
  if (!bound.uid) throw refusal(request, 'node requested token with a pod binding without a uid');
  const found = await store.find(kinds.kind('', 'Pod'), request.namespace, bound.name);
  if (!found) throw refusal(request, `pod ${quoted(bound.name)} not found`);
  const pod = found.object;
  if (pod.metadata.uid !== bound.uid) {
    throw refusal(
      request,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec.nodeName !== node)
    throw refusal(request, 'node requested token bound to a pod scheduled on a different node');
  const known = new Set(audiencesOf(pod, deps));
  // Somebody may let nodes ask for another one, as credential providers want it.
  const verb = 'request-serviceaccounts-token-audience';
  const { user, namespace, name } = request;
  const base = { user, verb, isResource: true, group: '', version: 'v1', subresource: '', namespace, name, path: '' };
  for (const resource of audiences?.length ? audiences : ['']) {
    if (known.has(resource) || (await deps.authorizer.authorize({ ...base, resource })).allowed) continue;
    throw refusal(request, `audience ${quoted(resource)} not found in pod spec volume`);
  }
};

const ownLease: Check = (node, request) => {
  if (request.namespace !== nodeLeaseNamespace) {
    throw refusal(request, `can only access leases in the ${quoted(nodeLeaseNamespace)} system namespace`);
  }
  if (request.name !== node)
    throw refusal(request, `can only access node lease with the same name as the requesting node`);
};

const ownCsiNode: Check = (node, request) => {
  if (request.name !== node)
    throw refusal(request, 'can only access CSINode with the same name as the requesting node');
};

const newSlice: Check = (node, request) => {
  if (request.object!.spec.nodeName === node) return;
  throw refusal(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
};

/** By group, resource and subresource; `*` is every operation that a node is authorized for. */
const checks: Record<string, Partial<Record<AdmissionRequest['operation'] | '*', Check>>> = {
  '/pods': { CREATE: createPod, DELETE: ownPod((node) => `node ${quoted(node)} can only delete`) },
  '/pods/status': { UPDATE: ownPod((node) => `node ${quoted(node)} can only update pod status for`) },
  '/pods/eviction': { CREATE: ownPod((node) => `node ${node} can only evict`) },
  '/persistentvolumeclaims/status': { UPDATE: claimStatus },
  'certificates.k8s.io/certificatesigningrequests': { CREATE: newRequest },
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
      throw refusal(request, `could not determine node from user ${quoted(request.user.username)}`);
    }
    await checkOf(request)!(node, request, deps);
  },
};
