// What aggregated servers say of themselves, fetched from them and kept: their resources, and which OpenAPI documents
// they have. Upstream: kube-aggregator's discovery manager and openapiv3 aggregator.
import { createHash } from 'node:crypto';
import type { APIService } from '../../api/apiregistration/apiservice.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';
import type { AnySchema, TypeOf } from '../../machinery/schema.ts';
import { partOf, type V2Part } from '../openapi/foreign-v2.ts';
import { apiGroupDiscoveryList, apiResourceList } from '../protobuf/meta-messages.ts';
import type { RemoteClient } from './remote.ts';

export interface RemoteVersion {
  /** As APIGroupDiscoveryList has them. */
  resources: readonly object[];
  freshness: 'Current' | 'Stale';
  /** Hash of the OpenAPI document of the group and version; undefined: there is none. */
  openApiHash?: string;
  openApiV2?: KnownV2;
}

/** What its OpenAPI document of version 2 has of the group and version, and how it is known again. */
interface KnownV2 {
  etag: string;
  hash: string;
  part?: V2Part;
}

export const nothingKnown: RemoteVersion = { resources: [], freshness: 'Stale' };

const aggregatedForm = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
const acceptDiscovery = `${aggregatedForm('v2')},${aggregatedForm('v2beta1')},application/json`;
/** It is read in one go; a server of some groups has far less. */
const maxV2Characters = 4 * 1024 * 1024;
const acceptJson = { accept: 'application/json' };

type Fields = Record<string, unknown>;

/** Fetches all of one; what cannot be had now is what was known, and is called stale. */
export async function fetchRemote(
  client: RemoteClient,
  { spec }: APIService,
  known: RemoteVersion | undefined,
  signal: AbortSignal,
): Promise<RemoteVersion> {
  try {
    const resources = await fetchResources(client, spec, signal);
    const openApiHash = await fetchOpenApiHash(client, spec, signal).catch(() => known?.openApiHash);
    const openApiV2 = await fetchOpenApiV2(client, spec, { signal, known: known?.openApiV2 });
    const next: RemoteVersion = {
      resources,
      freshness: 'Current',
      ...(openApiHash ? { openApiHash } : {}),
      ...(openApiV2 ? { openApiV2 } : {}),
    };
    return known && jsonEqual(known, next) ? known : next;
  } catch {
    return asStale(known);
  }
}

export const asStale = (known: RemoteVersion | undefined): RemoteVersion =>
  known?.freshness === 'Stale' ? known : { ...(known ?? nothingKnown), freshness: 'Stale' };

type Spec = APIService['spec'];

async function fetchResources(client: RemoteClient, spec: Spec, signal: AbortSignal): Promise<object[]> {
  const { code, contentType, body } = await client.fetch(spec, '/apis', { accept: acceptDiscovery, signal });
  if (code === 200 && contentType.includes('as=APIGroupDiscoveryList')) {
    const { items = [] } = decoded(apiGroupDiscoveryList, body);
    const group = items.find(({ metadata }) => metadata?.name === spec.group);
    const version = group?.versions?.find((one) => one.version === spec.version);
    if (version) return version.resources ?? [];
  }
  // An older server has only the document of the version itself.
  const path = `/apis/${spec.group}/${spec.version}`;
  const old = await client.fetch(spec, path, { ...acceptJson, signal });
  if (old.code !== 200) throw new Error(`bad status from ${old.url}: ${old.code}`);
  return fromResourceList(decoded(apiResourceList, old.body), spec);
}

/** A document by its types: ours is written with it, for every client. Throws for one that is of another form. */
const decoded = <S extends AnySchema>(schema: S, text: string): TypeOf<S> =>
  decodeValue(schema, readJson(text).value).value;

/** The resources of an APIResourceList in the form of the aggregated document. */
export function fromResourceList(
  { resources = [] }: TypeOf<typeof apiResourceList>,
  { group, version }: Pick<Spec, 'group' | 'version'>,
): object[] {
  const out = new Map<string, Fields & { subresources?: object[] }>();
  const kindOf = (one: (typeof resources)[number]) => ({
    group: one.group || group,
    version: one.version || version,
    kind: one.kind,
  });
  for (const one of resources) {
    const [name = '', subresource] = (one.name ?? '').split('/');
    if (subresource !== undefined) {
      const parent = out.getOrInsert(name, { resource: name, scope: one.namespaced ? 'Namespaced' : 'Cluster' });
      parent.subresources ??= [];
      parent.subresources.push({ subresource, responseKind: kindOf(one), verbs: one.verbs });
      continue;
    }
    const { shortNames, categories } = one;
    out.set(name, {
      ...out.get(name),
      resource: name,
      responseKind: kindOf(one),
      scope: one.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: one.singularName,
      verbs: one.verbs,
      ...(shortNames ? { shortNames } : {}),
      ...(categories ? { categories } : {}),
    });
  }
  return [...out.values()];
}

/** What cannot be had or read now is what was known. */
async function fetchOpenApiV2(
  client: RemoteClient,
  spec: Spec,
  { signal, known }: { signal: AbortSignal; known: KnownV2 | undefined },
): Promise<KnownV2 | undefined> {
  try {
    const path = '/openapi/v2';
    const { code, body, etag } = await client.fetch(spec, path, { ...acceptJson, signal, etag: known?.etag ?? '' });
    if (code === 304) return known;
    if (code !== 200 || body.length > maxV2Characters) return undefined;
    const hash = createHash('sha256').update(body).digest('hex');
    if (known?.hash === hash) return known;
    const part = partOf(readJson(body).value, `/apis/${spec.group}/${spec.version}/`);
    return { etag, hash, ...(part ? { part } : {}) };
  } catch {
    return known;
  }
}

async function fetchOpenApiHash(client: RemoteClient, spec: Spec, signal: AbortSignal): Promise<string | undefined> {
  const { code, body } = await client.fetch(spec, '/openapi/v3', { ...acceptJson, signal });
  if (code !== 200) return undefined;
  const { paths } = readJson(body).value as { paths?: Record<string, Fields> };
  const url = paths?.[`apis/${spec.group}/${spec.version}`]?.serverRelativeURL;
  if (typeof url !== 'string') return undefined;
  return new URLSearchParams(url.split('?')[1] ?? '').get('hash') ?? undefined;
}
