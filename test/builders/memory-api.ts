// The API server's verbs over an etcd in memory: no HTTP, no authentication, everything from
// decoding to storage is the real thing.
//   const api = await startMemoryApi();
//   await api.send('POST', '/api/v1/namespaces/default/pods', { body });
import { kinds as builtInKinds } from '../../api/index.ts';
import { admissionPlugins } from '../../apiserver/admission/index.ts';
import { createAdmissionChain } from '../../apiserver/admission/plugin.ts';
import { loopbackUser, type UserInfo } from '../../apiserver/authn/user.ts';
import type { Authorizer } from '../../apiserver/authz/attributes.ts';
import { createAuthorizer } from '../../apiserver/authz/index.ts';
import { handleCreate } from '../../apiserver/endpoints/create.ts';
import { handleDelete, handleDeleteCollection } from '../../apiserver/endpoints/delete.ts';
import type { Answer, ApiRequest } from '../../apiserver/endpoints/exchange.ts';
import { handleGet, handleList } from '../../apiserver/endpoints/list.ts';
import { handlePatch } from '../../apiserver/endpoints/patch.ts';
import { handleUpdate } from '../../apiserver/endpoints/update.ts';
import type { ApiContext } from '../../apiserver/registry/context.ts';
import { KindTable, type ServedResource } from '../../apiserver/registry/kind-table.ts';
import { requestInfoOf } from '../../apiserver/request-info.ts';
import type { Etcd } from '../../apiserver/storage/etcd.ts';
import { ObjectStore } from '../../apiserver/storage/object-store.ts';
import { fieldsOfKinds, keyPrefixOf } from '../../apiserver/storage/stored-object.ts';
import { WatchCache } from '../../apiserver/storage/watch-cache.ts';
import { storedKinds } from '../../apiserver/stored-kinds.ts';
import { WebhookClient } from '../../apiserver/webhook-client.ts';
import { isObject } from '../../machinery/json.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeEtcd } from './fake-etcd.ts';
import { seededRandom } from './seeded-random.ts';

const verbs: Record<string, (context: ApiContext, request: ApiRequest) => Promise<Answer>> = {
  create: handleCreate,
  get: handleGet,
  list: handleList,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

export interface SendOptions {
  body?: unknown;
  contentType?: string;
  user?: UserInfo;
  /** Aborted when the client goes. */
  signal?: AbortSignal;
}

/** A custom resource must say what it is. */
const typed = ({ kind, version }: ServedResource, body: unknown): unknown =>
  kind.isCustom && isObject(body) ? { kind: kind.kind, apiVersion: apiVersionOf(version), ...body } : body;

export class MemoryApi {
  readonly etcd: FakeEtcd;
  readonly clock = new FakeClock();
  readonly kinds = new KindTable(builtInKinds);
  readonly context: ApiContext;
  readonly authorizer: Authorizer;

  /** `above`: what stands between the server and its etcd. */
  constructor(etcd = new FakeEtcd(), seed = 1, above: Etcd = etcd) {
    this.etcd = etcd;
    const { clock, kinds } = this;
    const cache = new WatchCache(above, storedKinds.map(keyPrefixOf), {
      clock,
      log: silentLogger,
      fieldsOf: fieldsOfKinds(builtInKinds),
    });
    const store = new ObjectStore(above, cache);
    const random = seededRandom(seed);
    const webhooks = new WebhookClient({ store, kinds, clock, random });
    this.authorizer = createAuthorizer({ store, kinds, clock, webhooks });
    const deps = { store, kinds, clock, random, webhooks, authorizer: this.authorizer };
    const admission = createAdmissionChain(admissionPlugins, {
      ...deps,
      serviceClusterIpRange: '10.0.0.0/24',
      serviceNodePortRange: { first: 30000, last: 30003 },
    });
    this.context = { store, kinds, admission, clock, random, log: silentLogger };
  }

  /** A request as the filter chain hands it to a verb. */
  request(method: string, url: string, options: SendOptions = {}): ApiRequest {
    const { body, contentType = 'application/json', user, signal = new AbortController().signal } = options;
    const info = requestInfoOf(method, url);
    const served = this.kinds.find(info.group, info.version, info.resource);
    if (!served) throw new Error(`${url} names no resource`);
    return {
      info: served.kind.namespaced ? info : { ...info, namespace: '' },
      ...served,
      user: user ?? loopbackUser,
      contentType,
      userAgent: 'test/1',
      body: Buffer.from(
        body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(typed(served, body)),
      ),
      signal,
      warnings: [],
      authorize: () => undefined,
    };
  }

  /** Runs a verb. Rejects with the StatusError that a client would get. */
  async answer(method: string, url: string, options?: SendOptions): Promise<Answer & { warnings: string[] }> {
    const request = this.request(method, url, options);
    const answer = await verbs[request.info.verb]!(this.context, request);
    return { ...answer, warnings: [...new Set(request.warnings)] };
  }

  /** Runs a verb and returns the object that it answers with, as the version of the path shows it. */
  async send(method: string, url: string, options?: SendOptions): Promise<any> {
    const answer = await this.answer(method, url, options);
    if (answer.type === 'object') {
      const { kind, version } = this.request(method, url, options);
      return answer.stored.as(kind, version);
    }
    if (answer.type === 'list') return answer.list.items.map((s) => s.object);
    return answer.type === 'status' ? answer.status : answer.value;
  }
}

/** With a namespace `default` and its service account. */
export async function startMemoryApi(): Promise<MemoryApi> {
  const api = new MemoryApi();
  await api.context.store.cache.start();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'default' } } });
  await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  return api;
}
