// Which flow schema a request belongs to, and to which flow of it.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#flowschema
import type { FlowSchema, FlowSchemaSpec } from '../../api/flowcontrol/flowschema.ts';
import type { UserInfo } from '../authn/user.ts';
import type { RequestInfo } from '../request-info.ts';

type Rule = NonNullable<FlowSchemaSpec['rules']>[number];
type Subject = Rule['subjects'][number];

/** The order in which they are asked: by precedence, then by name. */
export function inOrder(schemas: readonly FlowSchema[]): FlowSchema[] {
  const precedence = (schema: FlowSchema) => schema.spec.matchingPrecedence ?? 0;
  const name = (schema: FlowSchema) => schema.metadata.name ?? '';
  return [...schemas].sort((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

export function schemaFits({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): boolean {
  return (spec.rules ?? []).some(
    (rule) => rule.subjects.some((subject) => isSubject(subject, user)) && ruleFits(rule, info),
  );
}

/** What tells the flows of a schema apart. */
export function distinguisherOf({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): string {
  const method = spec.distinguisherMethod?.type;
  if (method === 'ByUser') return user.username;
  return method === 'ByNamespace' ? info.namespace : '';
}

function isSubject(subject: Subject, user: UserInfo): boolean {
  if (subject.kind === 'User') return subject.user?.name === '*' || subject.user?.name === user.username;
  if (subject.kind === 'Group') return subject.group?.name === '*' || user.groups.includes(subject.group?.name ?? '');
  const { namespace = '', name = '' } = subject.serviceAccount ?? {};
  const prefix = `system:serviceaccount:${namespace}:`;
  return user.username.startsWith(prefix) && (name === '*' || user.username.slice(prefix.length) === name);
}

const has = (list: readonly string[] | undefined, value: string) =>
  list !== undefined && (list.includes(value) || list.includes('*'));

function ruleFits(rule: Rule, info: RequestInfo): boolean {
  if (!info.isResource) {
    return (rule.nonResourceRules ?? []).some(
      ({ verbs, nonResourceURLs }) => has(verbs, info.verb) && nonResourceURLs.some((url) => isPath(url, info.path)),
    );
  }
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return (rule.resourceRules ?? []).some(
    ({ verbs, apiGroups, resources, clusterScope, namespaces }) =>
      has(verbs, info.verb) &&
      has(apiGroups, info.group) &&
      has(resources, resource) &&
      (info.namespace === '' ? clusterScope === true : has(namespaces, info.namespace)),
  );
}

function isPath(url: string, path: string): boolean {
  return url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path;
}
