// CONNECT: streams to a pod and proxying are shown to admission before they begin, as the options that the client sent.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
import type { ApiRequest } from '../endpoints/exchange.ts';
import { admissionRequest } from '../registry/admission-request.ts';
import type { ApiContext } from '../registry/context.ts';

const flags = ['stdin', 'stdout', 'stderr', 'tty'];

/** PodExecOptions and the like, of what stands in the query. */
function connectOptions({ info: { query, rest } }: ApiRequest, kind: string): Record<string, unknown> {
  if (kind.endsWith('ProxyOptions')) return { path: rest.replace(/^\//, '') };
  if (kind === 'PodPortForwardOptions') return { ports: query.getAll('ports').map(Number) };
  const given = flags.filter((flag) => ['true', '1'].includes(query.get(flag) ?? ''));
  const container = query.get('container');
  const command = query.getAll('command');
  return {
    ...Object.fromEntries(given.map((flag) => [flag, true])),
    ...(container && { container }),
    ...(command.length > 0 && { command }),
  };
}

/** Throws what admission refuses with. */
export async function admitConnect(context: ApiContext, request: ApiRequest): Promise<void> {
  const { kind, info, user, warnings } = request;
  const { namespace, name, subresource } = info;
  const speaks = kind.subresources.custom?.find((custom) => custom.name === subresource)?.kind;
  if (!speaks) return;
  const object: any = { kind: speaks.kind, apiVersion: 'v1', ...connectOptions(request, speaks.kind) };
  const options = { user, dryRun: false, fieldManager: '', warnings, apiVersion: kind.apiVersion };
  const write = { operation: 'CONNECT', kind, subresource, speaks, namespace, name, object, options } as const;
  const admission = admissionRequest(write);
  await context.admission.mutate(admission);
  await context.admission.validate(admission);
}
