// Whether the server of an APIService answers: its service, that one's port and endpoints, and a look at the discovery
// document that it must have. Upstream: kube-aggregator's remote available controller, whose reasons and texts these are.
import type { APIService, APIServiceCondition } from '../../api/apiregistration/apiservice.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { describeFailure } from '../webhook-client.ts';
import { type RemoteClient, type RemoteDeps, type Service, serviceOf } from './remote.ts';

export type Finding = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

const no = (reason: string, message: string): Finding => ({ status: 'False', reason, message });
const passed: Finding = { status: 'True', reason: 'Passed', message: 'all checks passed' };

/** How often a server is asked at once: its endpoints may differ, and one that answers is enough. */
const attempts = 5;

/** What the caches say against the service; undefined: nothing. */
function findFault({ store, kinds }: RemoteDeps, { namespace, name, port }: Service): Finding | undefined {
  const shown = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = store.peek(kinds.kind('', 'Service'), namespace, name)?.object;
  if (!service) return no('ServiceNotFound', `${shown} is not present`);
  if (service.spec.type !== 'ClusterIP') return undefined;
  const wanted = (service.spec.ports ?? []).find((p: { port: number }) => p.port === port);
  if (!wanted) return no('ServicePortError', `${shown} is not listening on port ${port}`);
  const sliceKind = kinds.kind('discovery.k8s.io', 'EndpointSlice');
  const slices = [...store.resource(sliceKind).list(`${keyPrefixOf(sliceKind)}${namespace}/`)]
    .map(({ object }) => object)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${shown}`);
  const portName: string = wanted.name ?? '';
  const hasPort = ({ ports }: KubeObject) => (ports ?? []).some((p: { name?: string }) => (p.name ?? '') === portName);
  const isReady = (e: KubeObject) => e.conditions?.ready !== false && e.addresses?.length > 0;
  if (slices.some((slice) => hasPort(slice) && (slice.endpoints ?? []).some(isReady))) return undefined;
  const why = `have no addresses with port name ${JSON.stringify(portName)}`;
  return no('MissingEndpoints', `endpointslices for ${shown} ${why}`);
}

/** Asks for the discovery document of the group and version. */
async function lookAt(client: RemoteClient, { spec }: APIService, signal: AbortSignal): Promise<void> {
  const path = `/apis/${spec.group}/${spec.version}`;
  let url = '';
  try {
    url = client.urlOf(client.optionsOf(spec), path);
    const { code } = await client.fetch(spec, path, { accept: 'application/json, */*', signal });
    if (code >= 200 && code < 300) return;
    throw new BadStatus(`bad status from ${url}: ${code}`);
  } catch (err) {
    if (err instanceof BadStatus) throw err;
    const why = signal.aborted
      ? 'context deadline exceeded'
      : describeFailure(err, new URL(url || 'https://unknown.invalid'));
    const shown = url ? `Get ${JSON.stringify(url)}: ${why}` : why;
    throw new Error(`failing or missing response from ${url || path}: ${shown}`, { cause: err });
  }
}

class BadStatus extends Error {}

/** The condition that an APIService with a service should have. */
export async function checkAvailability(
  deps: RemoteDeps,
  client: RemoteClient,
  apiService: APIService,
  signal: AbortSignal,
): Promise<Finding> {
  const fault = findFault(deps, serviceOf(apiService)!);
  if (fault) return fault;
  const tries = Array.from({ length: attempts }, () => lookAt(client, apiService, signal));
  try {
    await Promise.any(tries);
    return passed;
  } catch (err) {
    return no('FailedDiscoveryCheck', (err as AggregateError).errors[0].message);
  }
}
