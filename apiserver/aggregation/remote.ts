// The way to an aggregated API server: the service of its APIService, the certificate that it must have, and who we
// say is asking. Upstream: kube-aggregator's service resolver and transport's auth proxy round tripper.
// https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
import { Agent, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { APIService, APIServiceSpec } from '../../api/apiregistration/apiservice.ts';
import { exchange } from '../../host/http-exchange.ts';
import { badRequestError } from '../../machinery/errors.ts';
import type { UserInfo } from '../authn/user.ts';
import { type EndpointFinder, locate } from '../service-endpoint.ts';

/** Our certificate, by which the other side knows that it may believe our headers. */
export interface ProxyClientTls {
  cert: Buffer;
  key: Buffer;
}

export interface RemoteDeps extends EndpointFinder {
  proxyTls: ProxyClientTls | undefined;
}

export type Service = Required<Pick<NonNullable<APIServiceSpec['service']>, 'name' | 'namespace' | 'port'>>;

export const serviceOf = ({ spec: { service } }: Pick<APIService, 'spec'>): Service | undefined =>
  service && { name: service.name ?? '', namespace: service.namespace ?? '', port: service.port ?? 443 };

export function tlsOf(spec: APIServiceSpec, proxyTls: ProxyClientTls | undefined): ConnectionOptions {
  const { name = '', namespace = '' } = spec.service ?? {};
  return {
    ...proxyTls,
    servername: `${name}.${namespace}.svc`,
    ALPNProtocols: ['http/1.1'],
    ...(spec.caBundle ? { ca: Buffer.from(spec.caBundle, 'base64') } : {}),
    ...(spec.insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
  };
}

/** As whom the server itself asks. */
const aggregatorUser: UserInfo = { username: 'system:kube-aggregator', groups: ['system:masters'] };

/** Headers that say who is asking: nobody but us may send them. */
export const isIdentityHeader = (name: string): boolean => name.startsWith('x-remote-');

const escapeKey = (key: string): string =>
  [...Buffer.from(key)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[0-9A-Za-z!#$&'*+\-.^_`|~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');

/** The headers that tell of a user. Throws for one whose names would not stay in their line. */
export function identityHeaders({ username, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'x-remote-user': username,
    ...(uid ? { 'x-remote-uid': uid } : {}),
    ...(groups.length > 0 ? { 'x-remote-group': [...groups] } : {}),
  };
  for (const [key, values] of Object.entries(extra)) {
    if (values.length > 0) headers[`x-remote-extra-${escapeKey(key)}`] = [...values];
  }
  if (
    Object.values(headers)
      .flat()
      .some((value) => /\p{Cc}/u.test(value))
  ) {
    throw badRequestError('the name of the user cannot be passed on');
  }
  return headers;
}

/** The same as node's HTTP takes them: the bytes of UTF-8 as characters. */
export const asHeaderBytes = (headers: Record<string, string | string[]>): Record<string, string | string[]> => {
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const entries = Object.entries(headers).map(([k, v]) => [k, Array.isArray(v) ? v.map(bytes) : bytes(v)]);
  return Object.fromEntries(entries);
};

/** A document of an aggregated server. */
interface Fetched {
  /** Where it was asked for. */
  url: string;
  code: number;
  contentType: string;
  /** Empty where it has none. */
  etag: string;
  body: string;
}

const maxDocumentBytes = 16 * 1024 * 1024;

export class RemoteClient {
  readonly #deps: RemoteDeps;
  readonly agent = new Agent({ keepAlive: true, scheduling: 'lifo' });

  constructor(deps: RemoteDeps) {
    this.#deps = deps;
  }

  /** What a request to the server of `spec` starts from. */
  optionsOf(spec: APIServiceSpec): RequestOptions & { host: string; port: number } {
    const target = locate(this.#deps, serviceOf({ spec } as APIService)!);
    const tls = tlsOf(spec, this.#deps.proxyTls);
    // A host that is an address is shown in brackets only in URLs.
    return { ...target, ...tls };
  }

  /** Where a path of it is, as texts show it. */
  urlOf({ host, port }: { host: string; port: number }, path: string): string {
    return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}${path}`;
  }

  /** Gets a document, or 304 for one that is still that of `etag`. */
  async fetch(
    spec: APIServiceSpec,
    path: string,
    { accept, signal, etag = '' }: { accept: string; signal: AbortSignal; etag?: string },
  ): Promise<Fetched> {
    const options = this.optionsOf(spec);
    const headers = { ...identityHeaders(aggregatorUser), accept, ...(etag ? { 'if-none-match': etag } : {}) };
    const found = await exchange({ ...options, path, headers, signal, agent: false }, maxDocumentBytes);
    const { 'content-type': contentType = '', etag: given = '' } = found.headers;
    return { url: this.urlOf(options, path), code: found.code, contentType, etag: given, body: found.text };
  }

  close(): void {
    this.agent.destroy();
  }
}
