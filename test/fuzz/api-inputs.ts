// Requests for the API server's fuzz suite: objects that are nearly right, texts that are not, and
// paths and queries around them.
import { stringify } from 'yaml';
import { kinds } from '../../api/index.ts';
import { encodeEnvelope, encodeObject, type TypeMeta } from '../../apiserver/protobuf/envelope.ts';
import { isObject } from '../../machinery/json.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import { drawObject } from '../builders/schema-value.ts';
import type { Draw } from '../environment/fuzz.ts';

export interface FuzzRequest {
  method: string;
  path: string;
  collection: string;
  contentType: string;
  accept: string;
  body: Buffer | undefined;
}

export const fuzzName = 'fuzzed';

const words = [
  'a', '', 'x', 'default', 'name', '__proto__', 'constructor', 'toString', '$patch', '$retainKeys', 'é😀', '\u0000', '\ud800', 'a'.repeat(300),
  '2026-01-01T00:00:00Z', '100m', '1Gi', '-1', 'TCP', 'Always', '10.0.0.1', '::1', 'app=x', 'delete', 'replace', '*', '..', 'a/b',
]; // biome-ignore format: one table
const numbers = [0, 1, -1, 1.5, 1e30, -1e30, 2 ** 31, 2 ** 53, 65536, Number.MAX_SAFE_INTEGER];
const fields = [
  'metadata', 'spec', 'status', 'data', 'name', 'namespace', 'labels', 'annotations', 'finalizers', 'ownerReferences', 'managedFields',
  'fieldsV1', 'creationTimestamp', 'deletionTimestamp', 'generateName', 'uid', 'resourceVersion', 'kind', 'apiVersion', 'containers', 'image',
  'ports', 'containerPort', 'resources', 'limits', 'requests', 'env', 'value', 'valueFrom', 'replicas', 'selector', 'matchLabels', 'template',
  'matchExpressions', 'volumes', 'emptyDir', 'tolerations', 'terminationGracePeriodSeconds', 'rules', 'verbs', 'subjects', 'roleRef',
  'gracePeriodSeconds', 'propagationPolicy', 'dryRun', 'preconditions', '$setElementOrder/containers', '$deleteFromPrimitiveList/finalizers',
]; // biome-ignore format: one table

function anyValue(draw: Draw, depth = 0): unknown {
  const shape = draw.below(depth > 5 ? 5 : 8);
  if (shape < 2) return draw.of(words);
  if (shape === 2) return draw.of(numbers);
  if (shape < 5) return draw.of([true, false, null]);
  if (shape === 5) return draw.many(4, () => anyValue(draw, depth + 1));
  return Object.fromEntries(
    draw.many(5, () => [draw.chance(0.8) ? draw.of(fields) : draw.of(words), anyValue(draw, depth + 1)]),
  );
}

const container = {
  name: 'c',
  image: 'i',
  ports: [{ containerPort: 80 }],
  resources: { limits: { cpu: '1' } },
  env: [{ name: 'A', value: 'b' }],
};
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
const workload = { replicas: 0, selector: { matchLabels: { a: 'b' } }, template };
const core = '/api/v1/namespaces/default';

/** Collections with a good object each. */
const targets: [path: string, apiVersion: string, kind: string, rest: object][] = [
  [`${core}/configmaps`, 'v1', 'ConfigMap', { data: { a: 'b' } }],
  [`${core}/secrets`, 'v1', 'Secret', { data: { a: 'Yg==' }, type: 'Opaque' }],
  [`${core}/pods`, 'v1', 'Pod', { spec: template.spec }],
  [`${core}/services`, 'v1', 'Service', { spec: { ports: [{ port: 80 }], selector: { a: 'b' } } }],
  [`${core}/events`, 'v1', 'Event', { involvedObject: { name: 'x' }, reason: 'r', message: 'm', count: 1 }],
  ['/api/v1/nodes', 'v1', 'Node', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }],
  ['/apis/apps/v1/namespaces/default/deployments', 'apps/v1', 'Deployment', { spec: workload }],
  ['/apis/apps/v1/namespaces/default/controllerrevisions', 'apps/v1', 'ControllerRevision', { data: { a: 1 }, revision: 1 }],
  ['/apis/batch/v1/namespaces/default/jobs', 'batch/v1', 'Job', { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } }],
  ['/apis/rbac.authorization.k8s.io/v1/clusterroles', 'rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }],
  ['/apis/events.k8s.io/v1/namespaces/default/events', 'events.k8s.io/v1', 'Event', { regarding: { name: 'x', namespace: 'default' }, reason: 'r', note: 'n', action: 'a', type: 'Normal', eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'c', reportingInstance: 'i' }],
  ['/apis/coordination.k8s.io/v1/namespaces/default/leases', 'coordination.k8s.io/v1', 'Lease', { spec: { leaseDurationSeconds: 1 } }],
  ['/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'authorization.k8s.io/v1', 'SelfSubjectAccessReview', { spec: { resourceAttributes: { verb: 'get' } } }],
]; // biome-ignore format: one table

/** Puts something else somewhere into a good object. */
function spoil(draw: Draw, value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || draw.chance(0.12) || depth > 6) return anyValue(draw, 3);
  if (Array.isArray(value))
    return draw.chance(0.2) ? [...value, ...value] : value.map((x) => spoil(draw, x, depth + 1));
  const entries = Object.entries(value);
  const at = draw.below(entries.length + 1);
  if (at === entries.length) return { ...value, [draw.of(fields)]: anyValue(draw, 3) };
  const [key] = entries[at]!;
  return { ...value, [key]: spoil(draw, (value as Record<string, unknown>)[key], depth + 1) };
}

const hostileYaml = [
  '? ',
  '- ',
  '[',
  '{',
  '&a ',
  '*a ',
  '!t ',
  'a: ',
  '"',
  "'",
  '\t',
  '|\n',
  '>\n',
  '#',
  '<<: ',
  '\n',
  '%',
  '---\n',
  'a',
  ' ',
];

const hostileProtobuf = [
  '12 00',
  '0a 02 0a 00',
  '0b',
  '0b 0c',
  '0a',
  'ff',
  '0a ff ff ff ff 07',
  '08 01',
  '09',
  '3a 04 0a 00 12 00',
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** An object in protobuf: itself or a drawn one of its type where it does not fit into that, or bytes that are neither. */
function protobufOf(draw: Draw, { apiVersion = 'v1', kind = 'Pod', ...rest }: Partial<TypeMeta>): Buffer {
  const type = { apiVersion: String(apiVersion), kind: String(kind) };
  const schema = kinds
    .flatMap((k) => (k.kind === kind ? k.served : []))
    .find((v) => apiVersionOf(v) === apiVersion)?.schema;
  if (schema && draw.chance(0.7)) {
    try {
      return encodeObject(
        type,
        schema,
        draw.chance(0.5) ? rest : { ...drawObject(schema, draw), metadata: { name: fuzzName } },
      );
    } catch {
      // A spoiled object may have no form in protobuf.
    }
  }
  const parts = draw.chance(0.5) ? [draw.of(hostileProtobuf)] : draw.many(200, () => draw.of(hostileProtobuf));
  const hostile = Buffer.concat(Array.from({ length: 1 + draw.below(2000) }, () => Buffer.concat(parts)));
  const message = draw.chance(0.3) ? draw.bytes(draw.below(200)) : hostile.subarray(0, 100_000);
  return draw.chance(0.2) ? message : encodeEnvelope(type, (w) => w.raw(message));
}

function textOf(draw: Draw, value: unknown, contentType: string): Buffer {
  if (contentType.includes('yaml')) {
    if (draw.chance(0.15)) return Buffer.from(draw.of(hostileYaml).repeat(1 + draw.below(20_000)));
    if (draw.chance(0.15)) return Buffer.from(draw.many(2000, () => draw.of(hostileYaml)).join(''));
    return Buffer.from(stringify(value, { collectionStyle: draw.of(['any', 'flow', 'block']) as 'any' }));
  }
  if (contentType.includes('protobuf')) return protobufOf(draw, isObject(value) ? value : {});
  if (draw.chance(0.05))
    return Buffer.from(draw.of(['{"a":', '[', '{"a":{},', '"\\u0041', '1', ' ']).repeat(1 + draw.below(20_000)));
  return Buffer.from(JSON.stringify(value));
}

const patchTypes = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
];
const bodyTypes = [
  'application/json',
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  '',
  'text/plain',
  'constructor',
];
const accepts = [
  'application/json', 'application/json', 'application/yaml', '*/*', 'application/vnd.kubernetes.protobuf', 'text/csv', ',;=', 'toString',
  'application/vnd.kubernetes.protobuf,application/json', 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/cbor', '*/*;q=x,application/yaml;q=1e9', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'application/json;as=x;v;g==',
]; // biome-ignore format: one table
const queries = [
  'dryRun', 'fieldManager', 'fieldValidation', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'labelSelector',
  'fieldSelector', 'timeout', 'pretty', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents', 'includeObject', 'x',
]; // biome-ignore format: one table
const queryValues = [
  '', 'All', 'Strict', 'Warn', 'Ignore', '0', '1', '-1', '99999999999999999999', 'x', 'a=b', 'a in (b,c)', '!a', 'a in (', 'metadata.name=a', 'Object',
  'true', 'NotOlderThan', 'Exact', 'Background', 'Orphan', '30s', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ', 'a'.repeat(2000), 'ä', '(((((((',
]; // biome-ignore format: one table

function queryOf(draw: Draw): string {
  const pairs = draw.many(
    4,
    () => `${draw.of(queries)}=${draw.chance(0.05) ? '%zz' : encodeURIComponent(draw.of(queryValues))}`,
  );
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}

function patchOf(draw: Draw, object: unknown, contentType: string): unknown {
  if (contentType.includes('apply') && draw.chance(0.4)) return object;
  if (!contentType.includes('json-patch')) return spoil(draw, object);
  const pointer = () =>
    draw.of([
      '',
      '/',
      '/data/a',
      '/metadata/labels',
      '/spec/containers/0',
      '/spec/containers/-',
      '/~',
      '/__proto__/x',
      '/metadata',
      5,
    ]);
  const op = () => draw.of(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x', null]);
  return draw.many(5, () =>
    draw.chance(0.05) ? null : { op: op(), path: pointer(), from: pointer(), value: anyValue(draw, 3) },
  );
}

export function drawRequest(draw: Draw): FuzzRequest {
  const [collection, apiVersion, kind, rest] = draw.of(targets);
  const good = { apiVersion, kind, metadata: { name: fuzzName, labels: { a: 'b' } }, ...rest };
  const method = draw.of(['POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'GET', 'DELETE', 'HEAD', 'OPTIONS']);
  const isOne = method !== 'POST' || draw.chance(0.05);
  const subresource = draw.chance(0.1)
    ? `/${draw.of(['status', 'scale', 'eviction', 'binding', 'token', 'finalize', 'x', '%2f'])}`
    : '';
  const wild = draw.chance(0.03) ? `/${encodeURIComponent(draw.of(words.filter((w) => w !== '\ud800')))}` : '';
  const contentType =
    method === 'PATCH' ? draw.of(patchTypes) : draw.chance(0.4) ? 'application/json' : draw.of(bodyTypes);
  const asApplier =
    contentType.includes('apply') && draw.chance(0.9) ? `fieldManager=${draw.of(['m', 'n', 'kubectl'])}` : '';
  const asked = [queryOf(draw).slice(1), asApplier, asApplier && draw.chance(0.3) ? 'force=true' : ''].filter(Boolean);
  const query = asked.length > 0 ? `?${asked.join('&')}` : '';
  const path = `${collection}${isOne && draw.chance(0.95) ? `/${fuzzName}` : ''}${subresource}${wild}${query}`;
  const object = method === 'PATCH' ? patchOf(draw, good, contentType) : draw.chance(0.4) ? good : spoil(draw, good);
  const text =
    ['GET', 'HEAD', 'OPTIONS'].includes(method) || draw.chance(0.05) ? undefined : textOf(draw, object, contentType);
  const body = text && draw.chance(0.15) ? draw.mutate(text) : text;
  return {
    method,
    path,
    collection,
    contentType,
    accept: draw.chance(0.7) ? 'application/json' : draw.of(accepts),
    body,
  };
}
