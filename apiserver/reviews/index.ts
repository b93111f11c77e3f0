// The kinds that are questions: answered at once from authentication and authorization, never stored.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access

import type { SubjectAccessReviewSpec } from '../../api/authorization/access-attributes.ts';
import { badRequestError } from '../../machinery/errors.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { CredentialsError } from '../authn/authenticator.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Attributes, Decision, PolicyRule } from '../authz/attributes.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeObject } from '../endpoints/decode-object.ts';
import type { Answer, ApiRequest } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { bindPod } from '../subresources/binding.ts';
import type { SubresourceContext } from '../subresources/handler.ts';

export type ReviewHandler = (context: SubresourceContext, request: ApiRequest) => Promise<Answer>;

type Compute = (context: SubresourceContext, request: ApiRequest, review: any) => object | Promise<object>;

/** A review that answers with itself and a status. */
function review(compute: Compute): ReviewHandler {
  return async (context, request) => {
    const options = readWriteOptions(request, 'CreateOptions');
    const body = parseBody(request, {
      kind: request.kind.kind,
      schema: request.version.schema,
    });
    const { draft, warnings } = decodeObject(request, body, options.fieldValidation);
    const status = await compute(context, request, draft);
    const { kind, apiVersion, metadata, ...rest } = draft;
    const stamped = { ...metadata, creationTimestamp: timestamp(context.clock.now()) };
    return { type: 'value', value: { kind, apiVersion, metadata: stamped, ...rest, status }, code: 201, warnings };
  };
}

interface AccessSpec {
  resourceAttributes?: {
    namespace?: string;
    verb?: string;
    group?: string;
    version?: string;
    resource?: string;
    subresource?: string;
    name?: string;
  };
  nonResourceAttributes?: { path?: string; verb?: string };
}

function attributesOf(spec: AccessSpec, user: UserInfo): Attributes {
  const { resourceAttributes: r, nonResourceAttributes: n } = spec;
  if (!r === !n) throw badRequestError('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  return {
    user,
    verb: r?.verb ?? n?.verb ?? '',
    isResource: r !== undefined,
    group: r?.group ?? '',
    version: r?.version ?? '',
    resource: r?.resource ?? '',
    subresource: r?.subresource ?? '',
    namespace: r?.namespace ?? '',
    name: r?.name ?? '',
    path: n?.path ?? '',
  };
}

function accessStatus({ allowed, denied, reason, error }: Decision): object {
  return {
    allowed,
    ...(denied ? { denied } : {}),
    ...(reason ? { reason } : {}),
    ...(error === undefined ? {} : { evaluationError: error }),
  };
}

const selfAccess = review(async (context, request, { spec }) =>
  accessStatus(await context.authorizer.authorize(attributesOf(spec, request.user))),
);

/** The user that a review asks about. */
function userAsked({ user, uid, groups, extra }: SubjectAccessReviewSpec): UserInfo {
  return { username: user ?? '', ...(uid ? { uid } : {}), groups: groups ?? [], ...(extra ? { extra } : {}) };
}

const access = review(async (context, _request, { spec }) => {
  const user = userAsked(spec);
  if (!user.username && user.groups.length === 0)
    throw badRequestError('at least one of user or group must be specified');
  return accessStatus(await context.authorizer.authorize(attributesOf(spec, user)));
});

const localAccess = review(async (context, request, { spec }) => {
  const { namespace } = request.info;
  const user = userAsked(spec);
  const attributes = attributesOf(spec, user);
  if (attributes.namespace !== '' && attributes.namespace !== namespace) {
    throw badRequestError(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return accessStatus(await context.authorizer.authorize({ ...attributes, namespace }));
});

const selfRules = review((context, request, { spec }) => {
  if (!spec.namespace) throw badRequestError('no namespace on request');
  const { rules, incomplete } = context.authorizer.rulesFor(request.user, spec.namespace);
  const isPath = (r: PolicyRule) => (r.nonResourceURLs?.length ?? 0) > 0;
  return {
    resourceRules: rules
      .filter((r) => !isPath(r))
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs: verbs ?? [],
        ...(apiGroups ? { apiGroups } : {}),
        ...(resources ? { resources } : {}),
        ...(resourceNames ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter(isPath)
      .map(({ verbs, nonResourceURLs }) => ({ verbs: verbs ?? [], nonResourceURLs })),
    incomplete: incomplete !== undefined,
    ...(incomplete === undefined ? {} : { evaluationError: incomplete }),
  };
});

function userInfoOf(user: UserInfo): object {
  const { username, uid, groups, extra } = user;
  return { username, ...(uid ? { uid } : {}), groups, ...(extra && Object.keys(extra).length > 0 ? { extra } : {}) };
}

const self = review((_context, request) => ({ userInfo: userInfoOf(request.user) }));

const token = review(async (context, _request, { spec }) => {
  if (!spec.token) return { user: {}, error: 'no token specified' };
  try {
    const { user, audiences } = await context.authenticator.review(spec.token, spec.audiences ?? []);
    return { authenticated: true, user: userInfoOf(user), audiences };
  } catch (err) {
    if (!(err instanceof CredentialsError)) throw err;
    return { user: {}, error: err.message };
  }
});

/** By group and plural. A Binding is not a question, but neither is it stored: it becomes part of its pod. */
export const reviews: Readonly<Record<string, ReviewHandler>> = {
  'authorization.k8s.io/selfsubjectaccessreviews': selfAccess,
  'authorization.k8s.io/subjectaccessreviews': access,
  'authorization.k8s.io/localsubjectaccessreviews': localAccess,
  'authorization.k8s.io/selfsubjectrulesreviews': selfRules,
  'authentication.k8s.io/selfsubjectreviews': self,
  'authentication.k8s.io/tokenreviews': token,
  '/bindings': (context, request) => bindPod(context, request, ''),
};
