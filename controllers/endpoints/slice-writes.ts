// The slices that one controller manages: which are there for a service, and how they are written. Shared by those that
// make slices from pods and from Endpoints.
import { type EndpointSlice, EndpointSliceKind } from '../../api/discovery/endpointslice.ts';
import type { ControllerContext, Related } from '../../client/controller.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import { Expectations } from '../../client/expectations.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { managedByLabel, type SlicePlan, serviceNameLabel } from './slice-plan.ts';

const serviceKeyOf = ({ metadata }: EndpointSlice) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`;
const isOf = (manager: string, { metadata }: EndpointSlice) => metadata.labels?.[managedByLabel] === manager;

/** Services whose slices of this manager changed: the former one too, of a slice that is taken from it. */
export const slicesOf = (manager: string): Related<any> => ({
  kind: EndpointSliceKind,
  keys: (slice, old) => new Set([slice, old].filter((s) => s && isOf(manager, s)).map(serviceKeyOf)),
});

/** The slices of a manager, by keys of services. */
export function ownSlices(context: ControllerContext, manager: string) {
  const informer = context.informer(EndpointSliceKind);
  const client = context.resource(EndpointSliceKind);
  const expectations = new Expectations(context.clock);
  informer.addIndex(manager, (slice) => (isOf(manager, slice) ? [serviceKeyOf(slice)] : []));
  // Names are generated: until a new slice has been seen, another look would make it again.
  informer.onChange((slice, old) => {
    if (slice && !old && isOf(manager, slice)) expectations.creationObserved(serviceKeyOf(slice));
  });
  const create = async (slice: EndpointSlice, key: string) => {
    try {
      await client.create(slice);
    } catch (err) {
      expectations.creationObserved(key);
      if (!isNamespaceTerminating(err)) throw err;
    }
  };
  return {
    of: (key: string): EndpointSlice[] => informer.lister.byIndex(manager, key),
    /** Milliseconds until new slices that have not been seen are given up; 0 when all have. */
    awaitedMs: (key: string): number => expectations.leftMs(key),
    forget: (key: string): void => expectations.forget(key),
    /** Writes all of it, and throws the first error then. */
    async write(plan: SlicePlan, key: string): Promise<void> {
      if (plan.create.length > 0) expectations.expectCreations(key, plan.create.length);
      const results = await Promise.allSettled([
        ...plan.create.map((slice) => create(slice, key)),
        ...plan.update.map((slice) => client.update(slice)),
        ...plan.delete.map((slice) => deleteSeen(client, slice)),
      ]);
      const failed = results.find((r) => r.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
}
