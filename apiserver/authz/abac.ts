// The mode ABAC: policies in a file, one a line, that allow what they match; read at the start.
// https://kubernetes.io/docs/reference/access-authn-authz/abac/ Upstream: pkg/auth/authorizer/abac.
import { readFileSync } from 'node:fs';
import { ConfigFileError } from '../../machinery/config-file.ts';
import { DecodeError, decodeValue } from '../../machinery/decode.ts';
import { isObject } from '../../machinery/json.ts';
import { readJson, TextError } from '../../machinery/json-reader.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Attributes, AuthorizationMode, PolicyRule } from './attributes.ts';

const apiVersion = 'abac.authorization.kubernetes.io/v1beta1';
const policy = s.object('Policy', 'What somebody may do.', {
  apiVersion: s.string(apiVersion),
  kind: s.string('Policy'),
  spec: s.object('PolicySpec', 'Who, and what.', {
    user: s.string('Whom it is for; * is everybody.'),
    group: s.string('A group of theirs; * is any.'),
    readonly: s.boolean('Only get, list and watch.'),
    apiGroup: s.string('* is any.'),
    resource: s.string('* is any.'),
    namespace: s.string('* is any.'),
    nonResourcePath: s.string('A path that is no resource; a * at the end stands for what follows.'),
  }),
});
type PolicySpec = NonNullable<TypeOf<typeof policy>['spec']>;

const readVerbs = ['get', 'list', 'watch'];

function readPolicy(line: string): PolicySpec {
  const { value, duplicates } = readJson(line);
  if (!isObject(value) || value.apiVersion !== apiVersion || value.kind !== 'Policy') {
    throw new DecodeError(`it must be a Policy of ${apiVersion}`);
  }
  const decoded = decodeValue(policy, value);
  const [wrong] = [...duplicates, ...decoded.unknownFields];
  if (wrong !== undefined) throw new DecodeError(`unknown field or one that is there twice: "${wrong}"`);
  return (decoded.value as TypeOf<typeof policy>).spec ?? {};
}

/** Throws ConfigFileError. Empty lines and those that begin with # say nothing. */
export function readPolicyFile(path: string): PolicySpec[] {
  const refuse = (where: string, err: Error) =>
    new ConfigFileError(`error reading policy file ${path}${where}: ${err.message}`, { cause: err });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (err) {
    throw refuse('', err as Error);
  }
  return text.split('\n').flatMap((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    try {
      return [readPolicy(line)];
    } catch (err) {
      if (!(err instanceof TextError || err instanceof DecodeError)) throw err;
      throw refuse(`, line ${i + 1}: ${line}`, err);
    }
  });
}

/** A name that a policy asks for, or any. */
const isOf = (wanted = '', given = '') => wanted === '*' || wanted === given;

function isFor({ user = '', group = '' }: PolicySpec, { username, groups }: Pick<UserInfo, 'username' | 'groups'>) {
  if (user === '' && group === '') return false;
  return (user === '' || isOf(user, username)) && (group === '' || group === '*' || groups.includes(group));
}

function isAbout(spec: PolicySpec, asked: Attributes): boolean {
  const { nonResourcePath: path = '' } = spec;
  if (!asked.isResource) return path.endsWith('*') ? asked.path.startsWith(path.slice(0, -1)) : path === asked.path;
  return (
    isOf(spec.namespace, asked.namespace) && isOf(spec.resource, asked.resource) && isOf(spec.apiGroup, asked.group)
  );
}

function rulesOf(spec: PolicySpec, namespace: string): PolicyRule[] {
  const verbs = spec.readonly ? readVerbs : ['*'];
  const { resource, apiGroup = '', nonResourcePath } = spec;
  const isHere = resource && isOf(spec.namespace, namespace);
  return [
    ...(isHere ? [{ verbs, apiGroups: [apiGroup], resources: [resource] }] : []),
    ...(nonResourcePath ? [{ verbs, nonResourceURLs: [nonResourcePath] }] : []),
  ];
}

export const createAbacAuthorizer = (policies: readonly PolicySpec[]): AuthorizationMode => ({
  authorize(asked) {
    const mayAct = ({ readonly }: PolicySpec) => !readonly || readVerbs.includes(asked.verb);
    const allowed = policies.some((one) => isFor(one, asked.user) && mayAct(one) && isAbout(one, asked));
    return { allowed, reason: allowed ? '' : 'No policy matched.' };
  },
  rulesFor: (user, namespace) => ({
    rules: policies.filter((one) => isFor(one, user)).flatMap((one) => rulesOf(one, namespace)),
  }),
});
