// A pod has the zone and the region of its node as labels: they are put into the Binding, from where they come to the
// pod, or into a pod that names its node. KEP-4742.
import { NodeKind } from '../../api/core/node.ts';
import { type AdmissionPlugin, isPodCreation, requestsFor } from './plugin.ts';

const isBinding = requestsFor('pods', ['CREATE'], 'binding');
const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  handles: (request) => isPodCreation(request) || isBinding(request),
  async mutate({ subresource, object }, { store }) {
    const { metadata, spec, target } = object!;
    const name = subresource === '' ? spec.nodeName : target?.kind === 'Node' && target.name;
    const labels = name && (await store.find(NodeKind, '', name))?.object.metadata.labels;
    for (const key of labels ? copied : []) {
      if (Object.hasOwn(labels, key)) metadata.labels = { ...metadata.labels, [key]: labels[key] };
    }
  },
};
