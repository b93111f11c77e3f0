// The object of a request in the version in which a webhook sees it, and back.
import { apiVersionOf } from '../../../machinery/kind.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import { decodeObject } from '../../endpoints/decode-object.ts';
import { versionsOf } from '../../registry/field-versions.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';
import { type ReviewView, typed } from './review.ts';

export async function viewIn(
  request: AdmissionRequest,
  resource: ServedResource,
  deps: AdmissionDeps,
): Promise<ReviewView> {
  const { kind, subresource, object, oldObject } = request;
  if (request.speaks) return { resource, object, oldObject };
  const apiVersion = apiVersionOf(resource.version);
  const versions = versionsOf(deps, kind, subresource);
  const show = async (one: KubeObject | undefined) =>
    one &&
    typed(
      apiVersion === kind.apiVersion
        ? one
        : await versions.convert({ ...one, apiVersion: kind.apiVersion }, apiVersion),
      resource,
    );
  return { resource, object: await show(object), oldObject: await show(oldObject) };
}

/** Puts a changed object in the place of the draft: decoded, with defaults, in the form of the draft. */
export async function takeOver(
  request: AdmissionRequest,
  changed: unknown,
  { kind, version }: ServedResource,
  deps: AdmissionDeps,
): Promise<void> {
  if (request.speaks) return replace(request.object!, changed as KubeObject);
  const { draft } = decodeObject({ kind, version }, { value: changed, duplicates: [] }, 'Ignore');
  let next = draft;
  if (kind !== request.kind) {
    const versions = versionsOf(deps, kind, request.subresource);
    next = await versions.convert({ ...draft, apiVersion: kind.apiVersion }, request.kind.apiVersion);
  }
  replace(request.object!, next);
}

/** The draft is known to others: it stays the same object. */
function replace(target: KubeObject, next: KubeObject): void {
  for (const key of Object.keys(target)) delete target[key];
  Object.assign(target, next);
}
