// ListContainers: the containers that pass every part of the filter. An id may be shortened.
import type { Container, ContainerFilter } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import type { Runtime } from '../runtime.ts';
import { type ContainerRecord, matchesLabels, stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const listContainers: Verb<'ListContainers'> = async (rt, req) => ({
  containers: selectContainers(rt, req.filter).map(describeContainer),
});

export function selectContainers(rt: Runtime, filter: Partial<ContainerFilter> | null): ContainerRecord[] {
  return rt.containers.list().filter((c) => {
    if (filter?.id && !c.id.startsWith(filter.id)) return false;
    if (filter?.state && stateOf(c) !== filter.state.state) return false;
    if (filter?.pod_sandbox_id && !c.sandboxId.startsWith(filter.pod_sandbox_id)) return false;
    return matchesLabels(c.config.labels, filter?.label_selector ?? {});
  });
}

function describeContainer(c: ContainerRecord): Init<Container> {
  return {
    id: c.id,
    pod_sandbox_id: c.sandboxId,
    metadata: c.config.metadata,
    image: c.config.image,
    image_ref: c.imageRef,
    image_id: c.imageId,
    state: stateOf(c),
    created_at: c.createdAtNs,
    labels: c.config.labels,
    annotations: c.config.annotations,
  };
}
