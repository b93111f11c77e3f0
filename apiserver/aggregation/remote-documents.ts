// What aggregated servers say of themselves, fetched from them and kept: their resources, and which OpenAPI documents
// they have. Upstream: kube-aggregator's discovery manager and openapiv3 aggregator.
import type { APIService } from '../../api/apiregistration/apiservice.ts';
import { isObject, jsonEqual } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';
import type { RemoteClient } from './remote.ts';

export interface RemoteVersion {
  /** As APIGroupDiscoveryList has them. */
  resources: readonly object[];
  freshness: 'Current' | 'Stale';
  /** Hash of the OpenAPI document of the group and version; undefined: there is none. */
  openApiHash?: string;
}

export const nothingKnown: RemoteVersion = { resources: [], freshness: 'Stale' };

const aggregatedForm = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
const acceptDiscovery = `${aggregatedForm('v2')},${aggregatedForm('v2beta1')},application/json`;
const acceptJson = { accept: 'application/json' };

type Fields = Record<string, unknown>;
const itemsOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isObject) : []);

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
    const next: RemoteVersion = { resources, freshness: 'Current', ...(openApiHash ? { openApiHash } : {}) };
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
    const groups = itemsOf((readJson(body).value as Fields).items);
    const group = groups.find(({ metadata }) => isObject(metadata) && metadata.name === spec.group);
    const version = itemsOf(group?.versions).find((one) => one.version === spec.version);
    if (version) return itemsOf(version.resources);
  }
  // An older server has only the document of the version itself.
  const path = `/apis/${spec.group}/${spec.version}`;
  const old = await client.fetch(spec, path, { ...acceptJson, signal });
  if (old.code !== 200) throw new Error(`bad status from ${old.url}: ${old.code}`);
  return fromResourceList(readJson(old.body).value as Fields, spec);
}

/** The resources of an APIResourceList in the form of the aggregated document. */
export function fromResourceList(list: Fields, { group, version }: Pick<Spec, 'group' | 'version'>): object[] {
  const out = new Map<string, Fields & { subresources?: object[] }>();
  const all = itemsOf(list.resources);
  const kindOf = (one: Fields) => ({
    group: one.group || group,
    version: one.version || version,
    kind: one.kind,
  });
  for (const one of all) {
    const [name = '', subresource] = String(one.name).split('/');
    if (subresource !== undefined) {
      const parent = out.get(name) ?? { resource: name, scope: one.namespaced ? 'Namespaced' : 'Cluster' };
      parent.subresources = [
        ...(parent.subresources ?? []),
        { subresource, responseKind: kindOf(one), verbs: one.verbs },
      ];
      out.set(name, parent);
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

async function fetchOpenApiHash(client: RemoteClient, spec: Spec, signal: AbortSignal): Promise<string | undefined> {
  const { code, body } = await client.fetch(spec, '/openapi/v3', { ...acceptJson, signal });
  if (code !== 200) return undefined;
  const { paths } = readJson(body).value as { paths?: Record<string, Fields> };
  const url = paths?.[`apis/${spec.group}/${spec.version}`]?.serverRelativeURL;
  if (typeof url !== 'string') return undefined;
  return new URLSearchParams(url.split('?')[1] ?? '').get('hash') ?? undefined;
}
