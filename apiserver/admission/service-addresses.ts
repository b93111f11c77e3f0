// Gives Services their cluster addresses and node ports, and takes them back: see allocation/.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/

import { keepAllocatedFields } from '../../api/core/service/allocated-fields.ts';
import type { Service } from '../../api/core/service.ts';
import { allocateClusterIP } from '../allocation/cluster-ips.ts';
import { Holding } from '../allocation/holding.ts';
import { allocateHealthPort, allocateNodePorts } from '../allocation/node-ports.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from './plugin.ts';

export const serviceAddresses: AdmissionPlugin = {
  name: 'ServiceAddresses',
  handles: ({ operation, kind, subresource }) =>
    kind.plural === 'services' &&
    kind.group === '' &&
    (operation === 'UPDATE' || operation === 'DELETE' || (operation === 'CREATE' && subresource === '')),
  async complete(request, deps) {
    if (request.operation === 'DELETE') return;
    const holding = hold(request, deps);
    if (request.subresource !== '') return;
    if (request.oldObject) keepAllocatedFields(request.object as Service, request.oldObject as Service);
    await allocateClusterIP(request, deps, holding);
    await allocateNodePorts(request, deps, holding);
    await allocateHealthPort(request, deps, holding);
  },
  validate(request, deps) {
    if (request.operation === 'DELETE') hold(request, deps);
  },
};

/** What the request takes; it is settled when the request has ended. */
function hold(request: AdmissionRequest, deps: AdmissionDeps): Holding {
  const { object, oldObject, namespace, dryRun } = request;
  const name = object?.metadata.name ?? request.name;
  const holding = new Holding(deps, { namespace, name }, dryRun);
  request.onEnd(async (outcome, gone) => {
    if (outcome === 'failed') await holding.undo();
    if (outcome !== 'stored' || (request.operation === 'DELETE' && !gone)) return;
    const before = [gone, oldObject].filter((service) => service !== undefined);
    await holding.settle(before, gone ? undefined : object);
  });
  return holding;
}
