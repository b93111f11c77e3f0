// The node authorizer: a node reads and writes itself, its pods, and what its pods name, and
// nothing else of those kinds. What it asks of other kinds is what the role system:node says. What
// a write may change is NodeRestriction's part (admission/node-restriction.ts).
// https://kubernetes.io/docs/reference/access-authn-authz/node/
import { nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import { podClaimNames, podConfigMapNames, podSecretNames } from '../../api/core/pod/references.ts';
import { nodeNameOf, nodesGroup } from '../authn/user.ts';
import { systemRoles } from '../bootstrap/system-roles.ts';
import { selectedValue } from '../endpoints/selection.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import type { Attributes, Authorizer, Decision } from './attributes.ts';
import { allows } from './rbac.ts';

const nodeRules = systemRoles.find((role) => role.name === 'system:node')!.rules;
const allow: Decision = { allowed: true, reason: '' };
const noOpinion = (reason: string): Decision => ({ allowed: false, reason });

/** The pods of a node in a namespace, as far as they give it access to anything. */
type PodsOf = (node: string, namespace: string) => Iterable<StoredObject>;
type Rule = (node: string, attributes: Attributes, podsOf: PodsOf) => Decision;

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

const accounts: Rule = (node, attributes, podsOf) => {
  const { verb, subresource, name } = attributes;
  if (subresource === '' && verb === 'get') return usesAccount(node, attributes, podsOf);
  if (verb !== 'create' || subresource !== 'token' || name === '') {
    return noOpinion('can only create tokens for individual service accounts');
  }
  return usesAccount(node, attributes, podsOf);
};

const claims: Rule = (node, attributes, podsOf) => {
  const namesOf = (pod: StoredObject['object']) => podClaimNames(pod.metadata.name!, pod.spec);
  if (attributes.subresource !== 'status') return namedByPods(['get'], namesOf)(node, attributes, podsOf);
  if (!names('get update patch').includes(attributes.verb)) {
    return noOpinion('can only get, update, or patch status of this type');
  }
  return namedByPods([attributes.verb], namesOf)(node, { ...attributes, subresource: '' }, podsOf);
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

/** Whatever of these groups a node may do stands here; other resources are left to the role. */
const rules: Record<string, Rule> = {
  '/secrets': namedByPods(readVerbs, (pod) => podSecretNames(pod.spec)),
  '/configmaps': namedByPods(readVerbs, (pod) => podConfigMapNames(pod.spec)),
  '/persistentvolumeclaims': claims,
  '/serviceaccounts': accounts,
  '/nodes': ownNode,
  '/pods': ownPods,
  'coordination.k8s.io/leases': ownByName('node lease', nodeLeaseNamespace),
  'storage.k8s.io/csinodes': ownByName('CSINode', ''),
};

export function createNodeAuthorizer(store: ObjectStore, kinds: KindTable): Authorizer {
  const podKind = kinds.kind('', 'Pod');
  const podsOf: PodsOf = function* (node, namespace) {
    for (const pod of store.resource(podKind).list(`${keyPrefixOf(podKind)}${namespace}/`)) {
      const { spec, metadata } = pod.object;
      // A node makes its mirror pods itself: they must not open doors to it.
      if (spec.nodeName === node && metadata.annotations?.[mirrorAnnotation] === undefined) yield pod;
    }
  };
  return {
    authorize(attributes) {
      const { user, isResource, group, resource } = attributes;
      if (!user.groups.includes(nodesGroup)) return noOpinion('');
      const node = nodeNameOf(user);
      if (node === undefined) return noOpinion(`unknown node for user ${JSON.stringify(user.username)}`);
      const rule = isResource ? rules[`${group}/${resource}`] : undefined;
      if (rule) return rule(node, attributes, podsOf);
      return nodeRules.some((one) => allows(one, attributes)) ? allow : noOpinion('');
    },
    // What a node may do cannot be told as a list of rules.
    rulesFor: () => [],
  };
}
