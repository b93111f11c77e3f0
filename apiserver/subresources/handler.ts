// A subresource with rules of its own is one file that exports a handler; index.ts lists them and a
// test demands one for every custom subresource that a kind declares.

import type { ConnectionOptions } from 'node:tls';
import type { RequestAuthenticator } from '../authn/authenticator.ts';
import type { ServiceAccountTokens } from '../authn/tokens.ts';
import type { Authorizer } from '../authz/attributes.ts';
import type { Answer, ApiRequest } from '../endpoints/exchange.ts';
import type { FrontRequest } from '../http/front.ts';
import type { KubeletAccess } from '../kubelet-access.ts';
import type { ApiContext } from '../registry/context.ts';

export interface SubresourceContext extends ApiContext {
  authenticator: RequestAuthenticator;
  tokens: ServiceAccountTokens;
  authorizer: Authorizer;
  kubelets: KubeletAccess;
}

/** Answers with a value, or takes the raw response over (streams) and returns undefined. */
type SubresourceHandler = (
  context: SubresourceContext,
  request: ApiRequest,
  front: FrontRequest,
) => Promise<Answer | undefined>;

/** Where an upgraded connection (exec, attach, port-forward, proxy) goes on to. */
export interface UpgradeTarget {
  host: string;
  port: number;
  path: string;
  tls: boolean;
  /** The node whose kubelet this is: it is shown our client certificate. */
  kubelet?: string;
  /** How to know and meet the next hop, where it is no kubelet. */
  tlsOptions?: ConnectionOptions;
  /** Extra headers for the next hop. */
  headers?: Record<string, string | string[]>;
  /** Further headers of the client that the next hop does not get, by their names in lower case. */
  endsHere?(name: string): boolean;
}

/** Finds the next hop of an upgrade request; throws StatusError to refuse it. */
type UpgradeResolver = (context: SubresourceContext, request: ApiRequest) => Promise<UpgradeTarget>;

export interface Subresource {
  /** `pods/log` in the storage group of its kind. */
  group: string;
  resource: string;
  name: string;
  handle: SubresourceHandler;
  /** Takes methods that are no verb of the API (OPTIONS) too; they are authorized by their own name. */
  takesEveryMethod?: boolean;
  upgrade?: UpgradeResolver;
}
