// The kinds that are questions: answered at once from authentication and authorization, never stored.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access

import type { ResourceAttributes, SubjectAccessReviewSpec } from '../../api/authorization/access-attributes.ts';
import { badRequestError, invalidError } from '../../machinery/errors.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { CredentialsError } from '../authn/authenticator.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Attributes, Decision, PolicyRule } from '../authz/attributes.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeObject } from '../endpoints/decode-object.ts';
import type { Answer, ApiRequest } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { placeIn } from '../registry/prepare.ts';
import { bindPod } from '../subresources/binding.ts';
import type { SubresourceContext } from '../subresources/handler.ts';

type ReviewHandler = (context: SubresourceContext, request: ApiRequest) => Promise<Answer>;

type Compute = (context: SubresourceContext, request: ApiRequest, review: any) => object | Promise<object>;

/** A review that answers with itself and a status. What is wrong with it is told of without its kind, as upstream does. */
function review(compute: Compute): ReviewHandler {
  return async (context, request) => {
    const options = readWriteOptions(request, 'CreateOptions');
    const body = parseBody(request, {
      kind: request.kind.kind,
      schema: request.version.schema,
    });
    const { draft, warnings } = decodeObject(request, body, options.fieldValidation);
    request.warnings.push(...warnings);
    placeIn(draft.metadata, request.info.namespace);
    const errors = request.kind.validate?.(draft) ?? [];
    if (errors.length > 0) throw invalidError({ group: request.kind.group, kind: '' }, '', errors);
    const status = await compute(context, request, draft);
    const { kind, apiVersion, metadata, ...rest } = draft;
    return { type: 'value', value: { kind, apiVersion, metadata, ...rest, status }, code: 201 };
  };
}

type AccessSpec = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

function attributesOf({ resourceAttributes, nonResourceAttributes }: AccessSpec, user: UserInfo): Attributes {
  const {
    namespace = '',
    verb = '',
    group = '',
    version = '',
    resource = '',
    subresource = '',
    name = '',
  } = resourceAttributes ?? {};
  const { path = '', verb: pathVerb = '' } = nonResourceAttributes ?? {};
  const what = { namespace, group, version, resource, subresource, name, path };
  const isResource = resourceAttributes !== undefined;
  return { user, verb: isResource ? verb : pathVerb, isResource, ...what, ...selectorsOf(resourceAttributes ?? {}) };
}

/** Both in text form. What is not understood is left out: what is asked for then is more. */
function selectorsOf({ fieldSelector, labelSelector }: ResourceAttributes) {
  const fields = (fieldSelector?.requirements ?? []).flatMap(({ key, operator, values = [] }) => {
    const sign = operator === 'In' ? '=' : operator === 'NotIn' ? '!=' : undefined;
    return sign && values.length === 1 ? [`${key}${sign}${values[0]!.replace(/[\\,=]/g, '\\$&')}`] : [];
  });
  const known = ['In', 'NotIn', 'Exists', 'DoesNotExist'];
  const matchExpressions = labelSelector?.requirements?.filter(({ operator }) => known.includes(operator)) ?? [];
  return {
    fieldSelector: fieldSelector?.rawSelector || fields.join(','),
    labelSelector: labelSelector?.rawSelector || formatLabelSelector({ matchExpressions }),
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
  return accessStatus(await context.authorizer.authorize(attributesOf(spec, userAsked(spec))));
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

const self = review((context, request, { metadata }) => {
  metadata.creationTimestamp = timestamp(context.clock.now());
  return { userInfo: userInfoOf(request.user) };
});

const token = review(async (context, _request, { spec }) => {
  if (!spec.token) throw badRequestError('token is required for TokenReview in authentication');
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
  'authorization.k8s.io/localsubjectaccessreviews': access,
  'authorization.k8s.io/selfsubjectrulesreviews': selfRules,
  'authentication.k8s.io/selfsubjectreviews': self,
  'authentication.k8s.io/tokenreviews': token,
  '/bindings': (context, request) => bindPod(context, request, ''),
};
