// The zone's view of the cluster: the caches of the informers, indexed by what DNS asks for.
import type { Service } from '../../api/core/service.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Informer } from '../../client/informer.ts';
import type { Clock } from '../../machinery/clock.ts';
import { serviceOfSlice, sliceIndex } from '../services/proxy.ts';
import { type ClusterView, clusterIpsOf } from './zone.ts';

const addressIndex = 'address';

export function createClusterView(
  services: Informer<Service>,
  slices: Informer<EndpointSlice>,
  clock: Clock,
): ClusterView {
  services.addIndex(addressIndex, (service) => [...new Set(clusterIpsOf(service))]);
  slices.addIndex(sliceIndex, serviceOfSlice);
  slices.addIndex(addressIndex, (slice) => [...new Set((slice.endpoints ?? []).map((e) => e.addresses[0] ?? ''))]);
  let changedMs = clock.now();
  const noteChange = () => {
    changedMs = clock.now();
  };
  services.onChange(noteChange);
  slices.onChange(noteChange);
  return {
    service: (namespace, name) => services.lister.get(`${namespace}/${name}`),
    slicesOf: (namespace, service) => slices.lister.byIndex(sliceIndex, `${namespace}/${service}`),
    servicesAt: (ip) => services.lister.byIndex(addressIndex, ip),
    slicesAt: (ip) => slices.lister.byIndex(addressIndex, ip),
    hasServices: (namespace) => services.lister.inNamespace(namespace).length > 0,
    serial: () => Math.floor(changedMs / 1000),
  };
}
