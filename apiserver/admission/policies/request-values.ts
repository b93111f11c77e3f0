// What the expressions of policies are told of a request: the request in the version that matched, and its namespace.
import { notFoundError } from '../../../machinery/errors.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';
import { variablesOf } from '../webhooks/match-conditions.ts';
import { versionsOfRequest } from '../webhooks/matching.ts';
import { buildReview, type ReviewView } from '../webhooks/review.ts';
import { viewIn } from '../webhooks/view.ts';

export interface RequestValues {
  view: ReviewView;
  variables: Record<string, unknown>;
}

/** The namespace of a namespaced object. Throws NotFound. */
export async function namespaceOf(
  { kind, namespace }: AdmissionRequest,
  { store, kinds }: AdmissionDeps,
): Promise<KubeObject | null> {
  if (!kind.namespaced || !namespace) return null;
  const found = await store.find(kinds.kind('', 'Namespace'), '', namespace);
  if (!found) throw notFoundError({ group: '', resource: 'namespaces' }, namespace);
  return found.object;
}

export async function requestValues(
  request: AdmissionRequest,
  resource: ServedResource,
  namespaceObject: KubeObject | null,
  deps: AdmissionDeps,
): Promise<RequestValues> {
  const view = await viewIn(request, resource, deps);
  const requested = versionsOfRequest(request, deps)[0]!;
  const review = buildReview(request, view, { uid: '', requested, version: 'v1' });
  return { view, variables: { ...variablesOf(review, request, deps), namespaceObject } };
}
