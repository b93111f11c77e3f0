// Admission: what may change or refuse a request after it is authorized and before it is stored,
// because the rule needs other objects or the user. Plugins are one file each, listed in order in
// index.ts. https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
import type { Clock } from '../../machinery/clock.ts';
import { forbiddenError } from '../../machinery/errors.ts';
import type { GroupVersionKind, Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { Random } from '../../machinery/random.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Authorizer } from '../authz/attributes.ts';
import type { KindTable } from '../registry/kind-table.ts';
import { groupResourceOf, type ObjectStore } from '../storage/object-store.ts';
import type { WebhookClient } from '../webhook-client.ts';
import type { AdmissionMetrics } from './metrics.ts';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  operation: AdmissionOperation;
  kind: Kind;
  subresource: string;
  /** The kind of `object`, where a subresource speaks one of its own: PodExecOptions, TokenRequest, Scale. */
  speaks?: GroupVersionKind;
  namespace: string;
  name: string;
  /** The draft to be stored, in storage version; mutating plugins change it. Absent on DELETE. */
  object?: KubeObject;
  /** What is there, on UPDATE and DELETE; the object as stored, in the form of `kind`. */
  oldObject?: KubeObject;
  user: UserInfo;
  dryRun: boolean;
  /** An update that came as a patch. */
  isPatch?: boolean;
  /** The version that the request was sent in; absent: the storage version. */
  apiVersion?: string;
  /** CreateOptions and the like, as the request brought them. */
  options?: object;
  /** A part of carrying out another request, which webhooks and policies have been shown: they are not shown this. */
  untold?: boolean;
  /** Set by a plugin that changed the object after others had seen it: all look once more. */
  reinvoke?: boolean;
  /** A note for the audit log. */
  annotate?(key: string, value: string): void;
  /** Tells the client something although the request is let through. */
  warn(text: string): void;
  /** Called once the request has ended, before it is answered. */
  onEnd(fn: OnEnd): void;
}

/** What a plugin throws that lets nobody do that. */
export const refusal = ({ kind, name }: AdmissionRequest, why: string) =>
  forbiddenError(groupResourceOf(kind), name, why);

/** What became of a request: whether it changed anything, or etcd did not say. */
export type Outcome = 'stored' | 'failed' | 'unknown';

/** `gone`: the object that the request has ended, as it was. */
export type OnEnd = (outcome: Outcome, gone?: KubeObject) => void | Promise<void>;

export interface AdmissionDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  random: Random;
  authorizer: Authorizer;
  webhooks: WebhookClient;
  serviceClusterIpRange: string;
  serviceNodePortRange: { first: number; last: number };
  /** Absent: nobody counts. */
  metrics?: AdmissionMetrics;
}

/** Tells the requests for one resource, `plural.group`, or for a subresource of it. */
export function requestsFor(resource: string, operations: readonly AdmissionOperation[], subresource = '') {
  const [, plural, group = ''] = /^([^.]+)\.?(.*)$/.exec(resource)!;
  return ({ operation, kind, subresource: of }: AdmissionRequest): boolean =>
    operations.includes(operation) && kind.plural === plural && kind.group === group && of === subresource;
}

/** A new pod, the commonest thing that plugins look at. */
export const isPodCreation = requestsFor('pods', ['CREATE']);

/** A pod that is there is to get more or less. */
export const isPodResize = requestsFor('pods', ['UPDATE'], 'resize');

export interface AdmissionPlugin {
  name: string;
  /** Which requests it wants to see; kinds by plural name of the storage group. */
  handles(request: AdmissionRequest): boolean;
  mutate?(request: AdmissionRequest, deps: AdmissionDeps): void | Promise<void>;
  /** Runs once, when all mutations are done: what is given out may not be given out twice. */
  complete?(request: AdmissionRequest, deps: AdmissionDeps): void | Promise<void>;
  validate?(request: AdmissionRequest, deps: AdmissionDeps): void | Promise<void>;
}

/** The ordered list of plugins, ready to run. */
export interface AdmissionChain {
  mutate(request: AdmissionRequest): Promise<void>;
  validate(request: AdmissionRequest): Promise<void>;
}

export function createAdmissionChain(plugins: readonly AdmissionPlugin[], deps: AdmissionDeps): AdmissionChain {
  const { metrics } = deps;
  const timed = (what: Parameters<AdmissionMetrics['timed']>[0], work: () => void | Promise<void>) =>
    metrics ? metrics.timed(what, work) : work();
  const round = async (stage: 'mutate' | 'complete' | 'validate', request: AdmissionRequest) => {
    const { operation } = request;
    const type = stage === 'validate' ? 'validate' : 'admit';
    for (const plugin of plugins) {
      const act = plugin[stage];
      if (!act || !plugin.handles(request)) continue;
      await timed({ name: plugin.name, operation, type }, () => act(request, deps));
    }
  };
  return {
    mutate: async (request) =>
      timed({ operation: request.operation, type: 'admit' }, async () => {
        await round('mutate', request);
        // What a webhook has changed, the plugins before it may want to complete; once is enough.
        if (request.reinvoke) await round('mutate', request);
        await round('complete', request);
      }),
    validate: async (request) =>
      timed({ operation: request.operation, type: 'validate' }, () => round('validate', request)),
  };
}
