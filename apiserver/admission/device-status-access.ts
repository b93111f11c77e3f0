// Who may say what of a claim for devices, beside the right to its status: `resourceclaims/binding` to allocate and reserve it,
// `resourceclaims/driver` by the driver's name to tell of its devices, on the user's own node or on any.
// https://kubernetes.io/docs/concepts/security/hardening-guide/dynamic-resource-allocation/
import type { ResourceClaim } from '../../api/resource/resourceclaim/schema.ts';
import { invalidError } from '../../machinery/errors.ts';
import { type FieldError, forbidden } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { UserInfo } from '../authn/user.ts';
import { type Attributes, denied } from '../authz/attributes.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, requestsFor } from './plugin.ts';

type Status = NonNullable<ResourceClaim['status']>;

const group = 'resource.k8s.io';
const nodeKey = 'authentication.kubernetes.io/node-name';

/** Why the user of the request may not; undefined: may. */
async function refusal(
  { user }: AdmissionRequest,
  { authorizer }: AdmissionDeps,
  what: Pick<Attributes, 'verb' | 'subresource' | 'namespace' | 'name'>,
): Promise<string | undefined> {
  const attributes = { user, isResource: true, group, version: 'v1', resource: 'resourceclaims', path: '', ...what };
  const { allowed, reason, error } = await authorizer.authorize(attributes);
  if (allowed) return undefined;
  return denied(attributes, [error, reason].filter(Boolean).join(': ')).message;
}

/** The one node that the claim is allocated on. */
function allocatedNode({ allocation }: Status): string | undefined {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (!field || others.length + more.length + (term?.matchExpressions?.length ?? 0) > 0) return undefined;
  const isOne = field.key === 'metadata.name' && field.operator === 'In' && field.values?.length === 1;
  return isOne ? field.values![0] : undefined;
}

/** A service account whose token was given to a pod of that node. */
function isOnNode({ username, extra }: UserInfo, node: string | undefined): boolean {
  const nodes = extra?.[nodeKey] ?? [];
  return !!node && username.startsWith('system:serviceaccount:') && nodes.length === 1 && nodes[0] === node;
}

/** The drivers of which more, less or something else is told. */
function changedDrivers(status: Status, old: Status): string[] {
  const byDevice = ({ devices = [] }: Status) =>
    new Map(devices.map((d) => [JSON.stringify([d.driver, d.pool, d.device, d.shareID ?? '']), d]));
  const [now, before] = [byDevice(status), byDevice(old)];
  const changed = [...now, ...before].filter(([key]) => !jsonEqual(now.get(key), before.get(key)));
  return [...new Set(changed.map(([, { driver }]) => driver))].sort();
}

async function checkBinding(request: AdmissionRequest, deps: AdmissionDeps, [status, old]: readonly [Status, Status]) {
  if (jsonEqual(status.allocation, old.allocation) && jsonEqual(status.reservedFor, old.reservedFor)) return [];
  const verb = verbOf(request);
  const why = await refusal(request, deps, { verb, subresource: 'binding', namespace: '', name: '' });
  if (why === undefined) return [];
  const needs = `resource="resourceclaims/binding", verb="${verb}"`;
  return [forbidden('status', `changing status.allocation or status.reservedFor requires ${needs} permission: ${why}`)];
}

async function checkDevices(request: AdmissionRequest, deps: AdmissionDeps, [status, old]: readonly [Status, Status]) {
  const where = isOnNode(request.user, allocatedNode(status))
    ? ['associated-node', 'arbitrary-node']
    : ['arbitrary-node'];
  const verbs = where.map((prefix) => `${prefix}:${verbOf(request)}`);
  const errors: FieldError[] = [];
  for (const name of changedDrivers(status, old)) {
    const whys: string[] = [];
    for (const verb of verbs) {
      const why = await refusal(request, deps, { verb, subresource: 'driver', namespace: request.namespace, name });
      if (why === undefined) break;
      whys.push(why);
    }
    if (whys.length < verbs.length) continue;
    const needs = `resource="resourceclaims/driver", verb="[${verbs.join(' ')}]"`;
    errors.push(forbidden('status.devices', `changing status.devices requires ${needs} permission: ${whys[0]}`));
  }
  return errors;
}

const verbOf = ({ isPatch }: AdmissionRequest) => (isPatch ? 'patch' : 'update');

export const deviceStatusAccess: AdmissionPlugin = {
  name: 'DeviceStatusAccess',
  handles: requestsFor(`resourceclaims.${group}`, ['UPDATE'], 'status'),
  async validate(request, deps) {
    const { kind, name, object, oldObject } = request;
    const statuses = [object!.status ?? {}, oldObject!.status ?? {}] as const;
    const errors = [...(await checkBinding(request, deps, statuses)), ...(await checkDevices(request, deps, statuses))];
    if (errors.length > 0) throw invalidError(kind, name, errors);
  },
};
