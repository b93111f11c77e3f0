// pods/eviction: a delete that disruption budgets may refuse. Budgets come with their kind; until
// then nothing holds an eviction back.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import { buildDisruptionTarget } from '../../api/core/pod/disruption-target.ts';
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import { EvictionKind } from '../../api/policy/eviction.ts';
import { badRequestError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeAs } from '../endpoints/decode-object.ts';
import { type ApiRequest, successStatus } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { type DeleteOptions, deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import type { Subresource } from './handler.ts';

const why = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
const eviction = { kind: 'Eviction', apiVersion: EvictionKind.apiVersion, schema: EvictionKind.storage.schema };

/**
 * Writes into the pod why it ends: a job's policy tells it from a failure by this. Returns the
 * options to delete with; a version that the caller wants to meet is the one that this write made.
 */
async function announce(
  context: ApiContext,
  request: ApiRequest,
  { wanted, options }: { wanted: DeleteOptions; options: WriteOptions },
): Promise<DeleteOptions> {
  const { kind, info } = request;
  const { uid, resourceVersion } = wanted.preconditions ?? {};
  const produce = (old: KubeObject): KubeObject => {
    const draft = cloneJson(old);
    // The update refuses what names another object or version.
    if (uid) draft.metadata.uid = uid;
    if (resourceVersion) draft.metadata.resourceVersion = resourceVersion;
    const known: PodCondition[] = draft.status?.conditions ?? [];
    const fresh = buildDisruptionTarget(old, { ...why, nowMs: context.clock.now() });
    const before = known.find(({ type }) => type === fresh.type);
    const target = before?.status === 'True' ? { ...fresh, lastTransitionTime: before.lastTransitionTime } : fresh;
    const conditions = before ? known.map((c) => (c === before ? target : c)) : [...known, target];
    draft.status = { ...draft.status, conditions };
    return draft;
  };
  const target = { namespace: info.namespace, name: info.name, subresource: 'status', produce };
  const stored = await updateObject(context, kind, target, options);
  if (!resourceVersion) return wanted;
  return { ...wanted, preconditions: { ...wanted.preconditions, resourceVersion: String(stored.revision) } };
}

export const evictionSubresource: Subresource = {
  group: '',
  resource: 'pods',
  name: 'eviction',
  async handle(context, request) {
    const options = readWriteOptions(request, 'CreateOptions');
    const { value } = decodeAs(eviction, parseBody(request, eviction), options.fieldValidation);
    const { namespace, name } = request.info;
    if (value.metadata.name && value.metadata.name !== name)
      throw badRequestError('name in URL does not match name in Eviction object');
    const { dryRun: asked, ...wanted } = value.deleteOptions ?? {};
    const dryRun = options.dryRun || (asked?.length ?? 0) > 0;
    const deletion = dryRun ? wanted : await announce(context, request, { wanted, options });
    await deleteObject(context, request.kind, { namespace, name, options: deletion }, { ...options, dryRun });
    return { type: 'status', status: { ...successStatus(undefined), code: 201 } };
  },
};
