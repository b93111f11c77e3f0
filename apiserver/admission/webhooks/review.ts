// What is asked and answered: AdmissionReview in v1, and in v1beta1 for webhooks that know no other.
// Upstream: apiserver's admission/plugin/webhook/request. Pure.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
import { isObject } from '../../../machinery/json.ts';
import { apiVersionOf } from '../../../machinery/kind.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import { s, type TypeOf } from '../../../machinery/schema.ts';
import { status } from '../../protobuf/meta-messages.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import { decodeAnswer } from '../../webhook-client.ts';
import type { AdmissionRequest } from '../plugin.ts';

/** A request in the version in which a webhook sees it. */
export interface ReviewView {
  resource: ServedResource;
  object: KubeObject | undefined;
  oldObject: KubeObject | undefined;
}

const group = 'admission.k8s.io';
const knownVersions = ['v1', 'v1beta1'];

/** The first version of AdmissionReview that both know. */
export const chooseReviewVersion = (versions: readonly string[] | null | undefined): string =>
  versions?.find((version) => knownVersions.includes(version)) ?? 'v1';

function namesOf({ kind, version }: ServedResource) {
  const gv = { group: version.group, version: version.version };
  return { kind: { ...gv, kind: kind.kind }, resource: { ...gv, resource: kind.plural } };
}

/** The name that the client sent: none where the server makes one. */
function nameOf({ operation, name, object }: AdmissionRequest): string {
  return operation === 'CREATE' && object?.metadata.generateName === name ? '' : name;
}

export function buildReview(
  request: AdmissionRequest,
  view: ReviewView,
  { uid, requested, version }: { uid: string; requested: ServedResource; version: string },
): object {
  const { subresource, namespace, operation, user, dryRun } = request;
  const { speaks } = request;
  const seen = { ...namesOf(view.resource), ...(speaks && { kind: speaks }) };
  const sent = { ...namesOf(requested), ...(speaks && { kind: speaks }) };
  const name = nameOf(request);
  const { username, uid: userId, groups, extra } = user;
  return {
    kind: 'AdmissionReview',
    apiVersion: `${group}/${version}`,
    request: {
      uid,
      ...seen,
      ...(subresource && { subResource: subresource }),
      requestKind: sent.kind,
      requestResource: sent.resource,
      ...(subresource && { requestSubResource: subresource }),
      ...(name && { name }),
      ...(namespace && { namespace }),
      operation,
      userInfo: {
        username,
        ...(userId && { uid: userId }),
        ...(groups.length > 0 && { groups }),
        ...(extra && { extra }),
      },
      object: view.object ?? null,
      oldObject: view.oldObject ?? null,
      dryRun,
      options: request.options ?? null,
    },
  };
}

/** An object as it is sent: its kind and version come first. */
export const typed = (object: KubeObject, { kind, version }: ServedResource): KubeObject => {
  const { kind: _k, apiVersion: _a, ...rest } = object;
  return { kind: kind.kind, apiVersion: apiVersionOf(version), ...rest };
};

export interface ReviewResponse {
  allowed: boolean;
  status: TypeOf<typeof status> | undefined;
  /** The JSON patch as it was sent: text of JSON. */
  patch: string | undefined;
  warnings: readonly string[];
  auditAnnotations: Readonly<Record<string, string>>;
}

const text = s.string('');
const reviewSchema = s.object('AdmissionReview', '', {
  response: s.object('AdmissionResponse', '', {
    uid: text,
    allowed: s.boolean(''),
    status: s.field(status, ''),
    patch: s.bytes(''),
    patchType: text,
    auditAnnotations: s.map(text, ''),
    warnings: s.list(text, ''),
  }),
});

/** The answer breaks the rules; the message says which. */
export class InvalidResponseError extends Error {}

/** Reads an answer and holds it against what was asked. Throws InvalidResponseError, and WebhookError as of no answer. */
export function readReview(
  answer: unknown,
  asked: { uid: string; version: string; mutating: boolean },
): ReviewResponse {
  const refuse = (why: string) => new InvalidResponseError(why);
  const { uid, version, mutating } = asked;
  const { response } = decodeAnswer(reviewSchema, answer);
  if (!isObject(answer) || !response) throw refuse('webhook response was absent');
  if (version === 'v1') {
    const { apiVersion, kind } = answer;
    if (apiVersion !== `${group}/v1` || kind !== 'AdmissionReview') {
      const given = apiVersion || kind ? `${String(apiVersion ?? '')}, Kind=${String(kind ?? '')}` : '/, Kind=';
      throw refuse(`expected webhook response of ${group}/v1, Kind=AdmissionReview, got ${given}`);
    }
    if (response.uid !== uid) {
      throw refuse(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
    }
  }
  const { patch, patchType } = response;
  const hasPatch = patch !== undefined;
  if (!mutating && version === 'v1' && hasPatch) throw refuse('validating webhook may not return response.patch');
  if (!mutating && version === 'v1' && patchType) throw refuse('validating webhook may not return response.patchType');
  if (mutating && version === 'v1') {
    if (hasPatch && !patchType) throw refuse('webhook returned response.patch but not response.patchType');
    if (!hasPatch && patchType) throw refuse('webhook returned response.patchType but not response.patch');
    if (patchType && patchType !== 'JSONPatch') {
      throw refuse(`unexpected response.patchType, expected "JSONPatch", got ${JSON.stringify(patchType)}`);
    }
  }
  const { allowed = false, status, warnings = [], auditAnnotations = {} } = response;
  const operations = mutating && hasPatch ? Buffer.from(patch, 'base64').toString() : undefined;
  return { allowed, status, patch: operations, warnings, auditAnnotations };
}
