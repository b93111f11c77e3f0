// The node authorizer: a node reads and writes itself, its pods, and what its pods name, and
// nothing else of those kinds. What it asks of other kinds is what the role system:node says. What
// a write may change is NodeRestriction's part (admission/node-restriction.ts).
// https://kubernetes.io/docs/reference/access-authn-authz/node/
import { nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import {
  podClaimNames,
  podConfigMapNames,
  podResourceClaimNames,
  podSecretNames,
} from '../../api/core/pod/references.ts';
import { nodeNameOf, nodesGroup } from '../authn/user.ts';
import { systemRoles } from '../bootstrap/system-roles.ts';
import { selectedValue } from '../endpoints/selection.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import type { Attributes, AuthorizationMode, Decision } from './attributes.ts';
import { allows } from './rbac.ts';

const nodeRules = systemRoles.find((role) => role.name === 'system:node')!.rules;
const allow: Decision = { allowed: true, reason: '' };
const noOpinion = (reason: string): Decision => ({ allowed: false, reason });

/** The pods of a node in a namespace, as far as they give it access to anything. */
type PodsOf = (node: string, namespace: string) => Iterable<StoredObject>;
/** An object of the cluster's own, or undefined. */
type Find = (group: string, kind: string, name: string) => StoredObject['object'] | undefined;
/** All persistent volumes. */
type Volumes = () => Iterable<StoredObject>;
type Rule = (node: string, attributes: Attributes, podsOf: PodsOf, find: Find, volumes: Volumes) => Decision;

const names = (list: string) => list.split(' ');
const readVerbs = names('get list watch');

function unrelated(node: string): Decision {
  return noOpinion(`no relationship found between node '${node}' and this object`);
}

/** Objects that a pod of the node must name. */
function namedByPods(verbs: readonly string[], namesOf: (pod: StoredObject['object']) => ReadonlySet<string>): Rule {
  return (node, { verb, subresource, namespace, name }, podsOf) => {
    if (!verbs.includes(verb)) return noOpinion(`can only ${verbs.length > 1 ? 'read' : 'get'} resources of this type`);
    if (subresource !== '') return noOpinion('cannot read subresource');
    if (name === '') return noOpinion(verbs.length > 1 ? 'No Object name found' : 'cannot list or watch this type');
    for (const pod of podsOf(node, namespace)) if (namesOf(pod.object).has(name)) return allow;
    return unrelated(node);
  };
}

const usesAccount: Rule = (node, { namespace, name }, podsOf) => {
  for (const { object } of podsOf(node, namespace)) if (object.spec.serviceAccountName === name) return allow;
  return unrelated(node);
};

const accounts: Rule = (node, attributes, ...lookups) => {
  const { verb, subresource, name } = attributes;
  if (subresource === '' && verb === 'get') return usesAccount(node, attributes, ...lookups);
  if (verb !== 'create' || subresource !== 'token' || name === '') {
    return noOpinion('can only create tokens for individual service accounts');
  }
  return usesAccount(node, attributes, ...lookups);
};

const claims: Rule = (node, attributes, ...lookups) => {
  const namesOf = (pod: StoredObject['object']) => podClaimNames(pod.metadata.name!, pod.spec);
  if (attributes.subresource !== 'status') return namedByPods(['get'], namesOf)(node, attributes, ...lookups);
  if (!names('get update patch').includes(attributes.verb)) {
    return noOpinion('can only get, update, or patch status of this type');
  }
  return namedByPods([attributes.verb], namesOf)(node, { ...attributes, subresource: '' }, ...lookups);
};

/** Objects of which each node has one, under its own name. A create does not tell the name: admission looks at it. */
function ownByName(what: string, namespace: string): Rule {
  return (node, attributes) => {
    if (!names('get create update patch delete').includes(attributes.verb)) {
      return noOpinion(`can only get, create, update, patch, or delete a ${what}`);
    }
    if (attributes.subresource !== '') return noOpinion(`cannot authorize ${what} subresources`);
    if (attributes.namespace !== namespace) {
      return noOpinion(`can only access leases in the ${JSON.stringify(namespace)} system namespace`);
    }
    if (attributes.verb === 'create' || attributes.name === node) return allow;
    return noOpinion(`can only access ${what} with the same name as the requesting node`);
  };
}

const ownNode: Rule = (node, { verb, subresource, name }) => {
  if (subresource === '' && names('create update patch').includes(verb)) return allow;
  if (subresource === 'status' && names('update patch').includes(verb)) return allow;
  if (subresource !== '' || !readVerbs.includes(verb)) return noOpinion('');
  if (name === node) return allow;
  if (name === '') return noOpinion(`node '${node}' cannot read all nodes, only its own Node object`);
  return noOpinion(`node '${node}' cannot read '${name}', only its own Node object`);
};

const ownPods: Rule = (node, { verb, subresource, namespace, name, fieldSelector }, podsOf) => {
  const isOwn = () => {
    for (const pod of podsOf(node, namespace)) if (pod.object.metadata.name === name) return true;
    return false;
  };
  if (subresource === 'status') return names('update patch').includes(verb) ? allow : noOpinion('');
  if (subresource === 'eviction') return verb === 'create' ? allow : noOpinion('');
  if (subresource !== '') return noOpinion('');
  if (verb === 'create' || verb === 'delete') return allow;
  if (verb === 'get') return isOwn() ? allow : unrelated(node);
  if (verb !== 'list' && verb !== 'watch') return noOpinion('');
  if (selectedValue(fieldSelector ?? '', 'spec.nodeName') === node || (name !== '' && isOwn())) return allow;
  return noOpinion('can only list/watch pods with spec.nodeName field selector');
};

/** Volumes that are bound to claims of its pods, attachments to the node: one at a time. */
function individual(
  kind: string,
  group: string,
  isTheirs: (object: any, node: string, podsOf: PodsOf) => boolean,
): Rule {
  return (node, { verb, subresource, name }, podsOf, find) => {
    if (verb !== 'get') return noOpinion('can only get individual resources of this type');
    if (subresource !== '') return noOpinion('cannot get subresource');
    if (name === '') return noOpinion('No Object name found');
    const found = find(group, kind, name);
    return found && isTheirs(found, node, podsOf) ? allow : unrelated(node);
  };
}

function isBoundToPods(volume: any, node: string, podsOf: PodsOf): boolean {
  const { namespace = '', name = '' } = volume.spec.claimRef ?? {};
  if (name === '') return false;
  for (const { object } of podsOf(node, namespace)) {
    if (podClaimNames(object.metadata.name!, object.spec as any).has(name)) return true;
  }
  return false;
}

const ownSlices: Rule = (node, { verb, subresource, name, fieldSelector }, _podsOf, find) => {
  if (subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources');
  // Admission looks at what a new one says.
  if (verb === 'create') return allow;
  if (names('get update patch delete').includes(verb)) {
    const slice = find('resource.k8s.io', 'ResourceSlice', name);
    return slice?.spec.nodeName === node ? allow : unrelated(node);
  }
  if (!names('list watch deletecollection').includes(verb)) {
    return noOpinion(
      "only the following verbs are allowed for a ResourceSlice: 'get', 'watch', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection'",
    );
  }
  if (selectedValue(fieldSelector ?? '', 'spec.nodeName') === node) return allow;
  return noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector');
};

/** Secrets that pods name, and those that the node needs for the volumes of their claims. */
const secrets: Rule = (node, attributes, podsOf, find, volumes) => {
  const byPods = namedByPods(readVerbs, (pod) => podSecretNames(pod.spec));
  const decision = byPods(node, attributes, podsOf, find, volumes);
  const { verb, subresource, namespace, name } = attributes;
  if (decision.allowed || subresource !== '' || name === '' || !readVerbs.includes(verb)) return decision;
  for (const { object } of volumes()) {
    const { nodeStageSecretRef, nodePublishSecretRef, nodeExpandSecretRef } = object.spec.csi ?? {};
    const refs = [nodeStageSecretRef, nodePublishSecretRef, nodeExpandSecretRef];
    if (!refs.some((ref) => ref?.name === name && ref.namespace === namespace)) continue;
    if (isBoundToPods(object, node, podsOf)) return allow;
  }
  return decision;
};

/** Whatever of these groups a node may do stands here; other resources are left to the role. */
const rules: Record<string, Rule> = {
  '/secrets': secrets,
  '/configmaps': namedByPods(readVerbs, (pod) => podConfigMapNames(pod.spec)),
  '/persistentvolumeclaims': claims,
  '/serviceaccounts': accounts,
  '/nodes': ownNode,
  '/pods': ownPods,
  'coordination.k8s.io/leases': ownByName('node lease', nodeLeaseNamespace),
  'storage.k8s.io/csinodes': ownByName('CSINode', ''),
  'storage.k8s.io/volumeattachments': individual('VolumeAttachment', 'storage.k8s.io', ({ spec }, node) => {
    return spec.nodeName === node;
  }),
  '/persistentvolumes': individual('PersistentVolume', '', isBoundToPods),
  'resource.k8s.io/resourceclaims': namedByPods(['get'], (pod) => podResourceClaimNames(pod as any)),
  'resource.k8s.io/resourceslices': ownSlices,
};

export function createNodeAuthorizer(store: ObjectStore, kinds: KindTable): AuthorizationMode {
  const podKind = kinds.kind('', 'Pod');
  const podsOf: PodsOf = function* (node, namespace) {
    for (const pod of store.resource(podKind).list(`${keyPrefixOf(podKind)}${namespace}/`)) {
      const { spec, metadata } = pod.object;
      // A node makes its mirror pods itself: they must not open doors to it.
      if (spec.nodeName === node && metadata.annotations?.[mirrorAnnotation] === undefined) yield pod;
    }
  };
  const volumeKind = kinds.kind('', 'PersistentVolume');
  const volumes: Volumes = () => store.resource(volumeKind).list(keyPrefixOf(volumeKind));
  const find: Find = (group, kind, name) => store.peek(kinds.kind(group, kind), '', name)?.object;
  return {
    authorize(attributes) {
      const { user, isResource, group, resource } = attributes;
      if (!user.groups.includes(nodesGroup)) return noOpinion('');
      const node = nodeNameOf(user);
      if (node === undefined) return noOpinion(`unknown node for user ${JSON.stringify(user.username)}`);
      const rule = isResource ? rules[`${group}/${resource}`] : undefined;
      if (rule) return rule(node, attributes, podsOf, find, volumes);
      return nodeRules.some((one) => allows(one, attributes)) ? allow : noOpinion('');
    },
    rulesFor(user) {
      if (nodeNameOf(user) === undefined) return { rules: [] };
      return { rules: [], incomplete: 'node authorizer does not support user rule resolution' };
    },
  };
}
