// What makes the API server send requests for metrics here: a Service without a selector, its EndpointSlice, and the
// APIServices. What is there already stays as somebody made it; only the endpoint is ours alone.
import { type APIService, APIServiceKind } from '../../api/apiregistration/apiservice.ts';
import { type Service, ServiceKind } from '../../api/core/service.ts';
import { type EndpointSlice, EndpointSliceKind } from '../../api/discovery/endpointslice.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { managedByLabel, serviceNameLabel } from '../endpoints/slice-plan.ts';
import type { ServedApi } from './served-api.ts';

const namespace = 'kube-system';
/** As metrics-server is known. */
const name = 'metrics-server';
const labels = { 'k8s-app': name };
const portName = 'https';
const servicePort = 443;
/** The newer of two versions comes first. */
const versionPriorities: Readonly<Record<string, number>> = { v1beta2: 200 };

const service: Service = {
  metadata: { name, namespace, labels },
  spec: { type: 'ClusterIP', ports: [{ name: portName, port: servicePort, protocol: 'TCP', targetPort: portName }] },
} as Service;

const sliceOf = (address: string, port: number) =>
  ({
    metadata: {
      name,
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: 'metrics-server.k8ts.io' },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: portName, port, protocol: 'TCP' }],
  }) as EndpointSlice;

/** As metrics-server's own manifest has it, so that applying that over ours is no contradiction. */
const apiServiceOf = ({ group, version }: ServedApi) =>
  ({
    metadata: { name: `${version}.${group}`, labels },
    spec: {
      group,
      version,
      groupPriorityMinimum: 100,
      versionPriority: versionPriorities[version] ?? 100,
      insecureSkipTLSVerify: true,
      service: { name, namespace, port: servicePort },
    },
  }) as APIService;

/** Makes what is missing, and writes where we are now. */
export async function register(
  context: ControllerContext,
  apis: readonly ServedApi[],
  { address, port }: { address: string; port: number },
): Promise<void> {
  await unlessThere(context.resource(ServiceKind).create(service));
  const slices = context.resource(EndpointSliceKind);
  const slice = sliceOf(address, port);
  await unlessThere(slices.create(slice));
  const found = await slices.get(slice.metadata);
  const { endpoints, ports } = slice;
  await slices.update({ ...found, endpoints, ports });
  for (const api of apis) await unlessThere(context.resource(APIServiceKind).create(apiServiceOf(api)));
}
