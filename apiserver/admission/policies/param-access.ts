// Who writes a policy with parameters, or a binding to them, must be able to read these: a policy's messages can tell
// what they hold. Upstream: pkg/registry/admissionregistration/*/authz.go.
import type { ParamKind, ParamRef } from '../../../api/admissionregistration/policy/schema.ts';
import { invalidError } from '../../../machinery/errors.ts';
import { forbidden } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { parseApiVersion } from '../../../machinery/kind.ts';
import type { UserInfo } from '../../authn/user.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { policyGroup } from './configured.ts';

/** A user as Go prints it. */
function showUser({ username, uid = '', groups, extra = {} }: UserInfo): string {
  const keys = Object.keys(extra).sort();
  const more = keys.map((key) => `${key}:[${extra[key]!.join(' ')}]`).join(' ');
  return `&{${username} ${uid} [${groups.join(' ')}] map[${more}]}`;
}

/** Whether the user may get what is named; everything of everything where nobody knows what that is. */
async function mayGet(
  user: UserInfo,
  paramKind: ParamKind | undefined,
  target: { namespace: string; name: string },
  { authorizer, kinds }: AdmissionDeps,
): Promise<boolean> {
  const { group, version } = paramKind ? parseApiVersion(paramKind.apiVersion ?? '') : { group: '*', version: '*' };
  const resource = (paramKind && kinds.ofKind(paramKind.apiVersion ?? '', paramKind.kind ?? '')?.kind.plural) ?? '*';
  const question = { user, verb: 'get', isResource: true, subresource: '', path: '' };
  const decision = await authorizer.authorize({ ...question, group, version, resource, ...target });
  return decision.allowed;
}

async function checkPolicy({ object, oldObject, user }: AdmissionRequest, deps: AdmissionDeps) {
  const paramKind: ParamKind | undefined = object!.spec?.paramKind;
  if (!paramKind || jsonEqual(oldObject?.spec?.paramKind, paramKind)) return undefined;
  if (await mayGet(user, paramKind, { namespace: '*', name: '*' }, deps)) return undefined;
  const { kind = '', apiVersion = '' } = paramKind;
  const what = `all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`;
  return forbidden('spec.paramKind', `user ${showUser(user)} must have "get" permission on ${what}`);
}

async function checkBinding({ kind, object, oldObject, user }: AdmissionRequest, deps: AdmissionDeps) {
  const { paramRef, policyName }: { paramRef?: ParamRef; policyName?: string } = object!.spec ?? {};
  if (!paramRef) return undefined;
  const old = oldObject?.spec;
  if (old?.policyName === policyName && jsonEqual(old?.paramRef, paramRef)) return undefined;
  const policyKind = deps.kinds.kind(policyGroup, kind.kind.replace(/Binding$/, ''));
  const policy = await deps.store.find(policyKind, '', policyName ?? '');
  const { name = '', namespace = '' } = paramRef;
  if (await mayGet(user, policy?.object.spec?.paramKind, { namespace, name }, deps)) return undefined;
  const why = `user ${showUser(user)} does not have "get" permission on the object referenced by paramRef`;
  return forbidden('spec.paramRef', why);
}

export const policyParamAccess: AdmissionPlugin = {
  name: 'PolicyParamAccess',
  handles: ({ operation, kind, subresource, user }) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    kind.group === policyGroup &&
    subresource === '' &&
    /AdmissionPolicy(Binding)?$/.test(kind.kind) &&
    !user.groups.includes('system:masters'),
  async validate(request, deps) {
    const check = request.kind.kind.endsWith('Binding') ? checkBinding : checkPolicy;
    const error = await check(request, deps);
    if (error) throw invalidError(request.kind, request.name, [error]);
  },
};
