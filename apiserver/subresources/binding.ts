// pods/binding, and POST of a Binding: assigns a pod to a node.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/

import { BindingKind } from '../../api/core/binding.ts';
import { badRequestError, conflictError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeAs, wantedAs } from '../endpoints/decode-object.ts';
import { type Answer, type ApiRequest, successStatus } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { admitAs } from '../registry/admission-request.ts';
import type { ApiContext } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import type { Subresource } from './handler.ts';

const speaks = { group: '', version: 'v1', kind: 'Binding' };
const binding = wantedAs(BindingKind);

/** Binds the pod that `podName` (or the binding itself) names. */
export async function bindPod(context: ApiContext, request: ApiRequest, podName: string): Promise<Answer> {
  const options = readWriteOptions(request, 'CreateOptions');
  const { value } = decodeAs(binding, parseBody(request, binding), options.fieldValidation);
  const name = podName || value.metadata.name;
  if (value.metadata.name && value.metadata.name !== name)
    throw badRequestError('name in URL does not match name in Binding object');
  const { namespace, subresource } = request.info;
  value.metadata = { ...value.metadata, name, namespace };
  const asked = { operation: 'CREATE', kind: request.kind, subresource, speaks, namespace, name } as const;
  await admitAs(context, { ...asked, object: value, options });
  const { kind: targetKind = '', name: nodeName = '' } = value.target ?? {};
  if (nodeName === '' || (targetKind !== '' && targetKind !== 'Node'))
    throw badRequestError('target must be a Node with a name');
  const kind = context.kinds.kind('', 'Pod');
  const nowMs = context.clock.now();
  const produce = (old: KubeObject): KubeObject => {
    const pods = { group: '', resource: 'pods/binding' };
    if (old.metadata.deletionTimestamp)
      throw conflictError(pods, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    if (old.spec.nodeName)
      throw conflictError(pods, name, `pod ${name} is already assigned to node ${JSON.stringify(old.spec.nodeName)}`);
    if (old.spec.schedulingGates?.length)
      throw conflictError(pods, name, `pod ${name} has non-empty .spec.schedulingGates`);
    const draft = cloneJson(old);
    // The update refuses what names another object or version.
    const { uid, resourceVersion } = value.metadata;
    Object.assign(draft.metadata, uid ? { uid } : {}, resourceVersion ? { resourceVersion } : {});
    draft.spec.nodeName = nodeName;
    // The room that was made for it is taken.
    delete draft.status.nominatedNodeName;
    for (const field of ['annotations', 'labels'] as const) {
      const both = { ...draft.metadata[field], ...value.metadata[field] };
      if (Object.keys(both).length > 0) draft.metadata[field] = both;
    }
    const others = (draft.status.conditions ?? []).filter((c: { type: string }) => c.type !== 'PodScheduled');
    const times = { lastProbeTime: null, lastTransitionTime: timestamp(nowMs) };
    const scheduled = { type: 'PodScheduled', status: 'True', ...times, observedGeneration: old.metadata.generation };
    draft.status.conditions = [...others, scheduled];
    return draft;
  };
  // The rules of pods forbid what binding does, so it checks and prepares for itself.
  const target = {
    namespace,
    name,
    subresource: 'binding',
    hasManagers: () => true, // nobody's: they stay
    produce,
    prepare: () => undefined,
    check: () => undefined,
  };
  await updateObject(context, kind, target, { ...options, untold: true });
  return { type: 'status', status: { ...successStatus(undefined), code: 201 } };
}

export const bindingSubresource: Subresource = {
  group: '',
  resource: 'pods',
  name: 'binding',
  handle: (context, request) => bindPod(context, request, request.info.name),
};
