// Discovery: which groups, versions and resources there are - the old documents one a
// group/version, and the aggregated one.
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
import { createHash } from 'node:crypto';
import { parseAccept } from '../../machinery/accept.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { ListedVersion } from '../aggregation/aggregator.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import { type Encoding, encodings, mediaTypeOf, negotiate, wantsPretty } from '../http/negotiate.ts';
import { type Encoded, encode } from '../http/render.ts';
import type { GroupVersionResources, KindTable } from '../registry/kind-table.ts';
import { subresourcesOf } from '../registry/subresources-of.ts';
import { withoutLastSlashes } from '../request-info.ts';
import { one } from '../server-headers.ts';

interface ResourceEntry {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

/** A short hash that changes when a kind is stored in another version. */
function storageHash(kind: Kind): string {
  const stored = `${kind.group}/${kind.storedForm?.version ?? kind.storage.version}/${kind.kind}`;
  return createHash('sha256').update(stored).digest().toString('base64', 0, 8);
}

const addingVerbs = ['create', 'update', 'patch'];
const listedVerbs = ({ verbs, isEnding }: Kind) => (isEnding ? verbs.filter((v) => !addingVerbs.includes(v)) : verbs);

function resourceEntries(kind: Kind, version: ServedVersion): ResourceEntry[] {
  const main: ResourceEntry = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: listedVerbs(kind),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(kind.stored ? { storageVersionHash: storageHash(kind) } : {}),
  };
  const subs = subresourcesOf(kind).map((sub) => {
    const other =
      sub.kind && apiVersionOf(sub.kind) !== apiVersionOf(version)
        ? { group: sub.kind.group, version: sub.kind.version }
        : {};
    return {
      name: `${kind.plural}/${sub.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...other,
      kind: sub.kind?.kind ?? kind.kind,
      verbs: sub.verbs,
    };
  });
  return [main, ...subs];
}

function aggregatedResource(kind: Kind, version: ServedVersion): object {
  const responseKind = (k: { group: string; version: string; kind: string }) => ({
    group: k.group,
    version: k.version,
    kind: k.kind,
  });
  const own = { group: version.group, version: version.version, kind: kind.kind };
  const subs = subresourcesOf(kind).map((sub) => ({
    subresource: sub.name,
    responseKind: responseKind(sub.kind ?? own),
    verbs: sub.verbs,
  }));
  return {
    resource: kind.plural,
    responseKind: own,
    scope: kind.scope,
    singularResource: kind.singular,
    verbs: listedVerbs(kind),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subs.length > 0 ? { subresources: subs } : {}),
  };
}

type GroupVersion = ListedVersion;

function aggregated(groups: [string, GroupVersion[]][], apiVersion: string): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion,
    metadata: {},
    items: groups.map(([name, versions]) => ({
      metadata: name ? { name } : {},
      versions: versions.map((gv) => ({
        version: gv.version,
        resources: gv.remote?.resources ?? gv.resources.map((r) => aggregatedResource(r.kind, r.version)),
        freshness: gv.remote?.freshness ?? 'Current',
      })),
    })),
  };
}

function groupDocument(name: string, versions: GroupVersion[]) {
  const entries = versions.map((gv) => ({ groupVersion: gv.apiVersion, version: gv.version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

const aggregatedVersions = ['v2', 'v2beta1'];

/**
 * The aggregated form, where it is what the client would like best of what there is: in which encoding and version.
 * Protobuf has it only as v2.
 */
function asksForAggregated(accept = ''): { encoding: Encoding; version: string } | undefined {
  for (const { type, subtype, parameters } of parseAccept(accept)) {
    const encoding = type === '*' ? 'json' : encodings.find((one) => mediaTypeOf[one] === `${type}/${subtype}`);
    const [group, version = '', as] = ['g', 'v', 'as'].map((name) => parameters.get(name));
    if (encoding === undefined) continue;
    if (group === undefined && version === '' && as === undefined) return undefined;
    if (group !== 'apidiscovery.k8s.io' || as !== 'APIGroupDiscoveryList') continue;
    if (!aggregatedVersions.includes(version) || encoding === 'yaml') continue;
    if (encoding === 'json' || version === 'v2') return { encoding, version };
  }
  return undefined;
}

/** The form of a document: the aggregated one where that is asked for and there is one, else a plain one. */
interface Form {
  asked: ReturnType<typeof asksForAggregated>;
  media: { encoding: Encoding; pretty: boolean };
}

interface DiscoveryOptions {
  /** `127.0.0.1:6443` */
  serverAddress: string;
  /** Puts groups and versions in order, and adds those that other servers have. */
  groups: {
    readonly generation: number;
    list(own: readonly GroupVersionResources[]): Map<string, ListedVersion[]>;
  };
}

/** Serves /api, /apis and below. */
export function createDiscovery(kinds: KindTable, options: DiscoveryOptions) {
  const tagged = ({ body, contentType }: Encoded): FrontResponse => {
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase()}"`;
    return { code: 200, headers: { 'content-type': contentType, etag, vary: 'Accept' }, body };
  };
  const resourceList = (gv: GroupVersion) => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: gv.apiVersion,
    resources: gv.resources.flatMap((r) => resourceEntries(r.kind, r.version)),
  });
  const respond = (path: string, { asked, media }: Form): FrontResponse | undefined => {
    const groups = options.groups.list(kinds.groupVersions());
    const core = groups.get('') ?? [];
    const named = [...groups].filter(([name]) => name !== '');
    const json = (object: object): FrontResponse => {
      const { code, contentType, body } = encode(object, 200, media);
      return { code, headers: { 'content-type': contentType }, body };
    };
    const all = (of: [string, GroupVersion[]][], { encoding, version }: { encoding: Encoding; version: string }) => {
      const rendered = encode(aggregated(of, `apidiscovery.k8s.io/${version}`), 200, { encoding });
      const form = `g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      return tagged({ ...rendered, contentType: `${rendered.contentType};${form}` });
    };
    if (path === '/api') {
      if (asked) return all([['', core]], asked);
      const address = { clientCIDR: '0.0.0.0/0', serverAddress: options.serverAddress };
      return json({
        kind: 'APIVersions',
        versions: core.map((gv) => gv.version),
        serverAddressByClientCIDRs: [address],
      });
    }
    if (path === '/apis') {
      if (asked) return all(named, asked);
      return json({ kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(([n, v]) => groupDocument(n, v)) });
    }
    const [root, first, second, ...rest] = path.slice(1).split('/');
    if (rest.length > 0 || !first) return undefined;
    if (root === 'api' && second === undefined) {
      const gv = core.find((v) => v.version === first);
      return gv && json(resourceList(gv));
    }
    if (root !== 'apis') return undefined;
    const versions = groups.get(first);
    if (!versions) return undefined;
    if (second === undefined) return json({ kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(first, versions) });
    const gv = versions.find((v) => v.version === second);
    return gv && json(resourceList(gv));
  };
  let generation = '';
  const documents = new Map<string, FrontResponse>();
  /** Documents are made once for each set of kinds and form. */
  const remember = (path: string, form: Form): FrontResponse | undefined => {
    const now = `${kinds.generation} ${options.groups.generation}`;
    if (generation !== now) documents.clear();
    generation = now;
    const key = `${JSON.stringify(form)} ${path}`;
    const found = documents.get(key) ?? respond(path, form);
    if (found) documents.set(key, found);
    return found;
  };
  return (asSent: string, request: FrontRequest): FrontResponse | undefined => {
    // Upstream's router takes slashes off the end, and nothing out of the middle; to `/apis`, which it does not see, there
    // may be one.
    const path = withoutLastSlashes(asSent);
    if (!/^\/apis?(?:\/|$)/.test(path) || asSent.startsWith('/apis//')) return undefined;
    const accept = one(request.headers.accept);
    const asked = asksForAggregated(accept);
    const media = asked ? { encoding: asked.encoding } : negotiate(accept, { forms: false });
    const response = remember(path, { asked, media: { encoding: media.encoding, pretty: wantsPretty(request) } });
    const known = one(request.headers['if-none-match']);
    if (response && known !== undefined && known === response.headers.etag) return { ...response, code: 304, body: '' };
    return response;
  };
}
