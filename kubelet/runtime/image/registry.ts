// An OCI registry over HTTP: manifests and blobs, with token and basic authentication, by global fetch. Registries on
// loopback may speak plain HTTP; a mirror is asked before the registry it stands for.
import type { AuthConfig } from '../../../proto/cri.gen.ts';
import type { ImageReference } from './reference.ts';

export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** A registry's answer that is not the thing asked for. */
export class RegistryError extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistryError';
    this.status = status;
  }
}

export interface Registry {
  /** Opens `/v2/<repository>/<path>`; throws RegistryError unless the answer is a success. */
  request(
    path: string,
    options?: { headers?: Record<string, string>; method?: string; signal?: AbortSignal },
  ): Promise<Response>;
}

const hostOf = (domain: string) => (domain === 'docker.io' ? 'registry-1.docker.io' : domain);
const isLoopback = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);

/** Opens a repository at its own registry (`baseUrl` absent) or at a mirror's address. */
export function openRegistry(ref: ImageReference, auth: AuthConfig | null, baseUrl?: string): Registry {
  const host = hostOf(ref.domain);
  let base = baseUrl ?? `https://${host}`;
  let authorization: string | undefined;
  const send = async (path: string, options: Parameters<Registry['request']>[1]) => {
    const headers = { 'user-agent': 'k8ts', ...options?.headers, ...(authorization ? { authorization } : {}) };
    const url = () => `${base}/v2/${ref.path}/${path}`;
    // A redirect to another host (where blobs often lie) drops the authorization: fetch does that by itself.
    const once = () => fetch(url(), { method: options?.method ?? 'GET', headers, signal: options?.signal });
    try {
      return await once();
    } catch (err) {
      if (isTlsMismatch(err) && isLoopback(host) && base.startsWith('https:')) {
        base = base.replace('https:', 'http:');
        return await once();
      }
      options?.signal?.throwIfAborted();
      throw new RegistryError(0, describeFetchError(options?.method ?? 'GET', url(), err), { cause: err });
    }
  };
  return {
    async request(path, options) {
      let response = await send(path, options);
      const challenge = response.headers.get('www-authenticate');
      if (response.status === 401 && challenge) {
        await response.body?.cancel();
        authorization = await authorize(challenge, ref, auth, options?.signal);
        response = await send(path, options);
      }
      if (response.ok) return response;
      throw await readError(response, path);
    },
  };
}

/** Whether the other side does not speak TLS at all. */
function isTlsMismatch(err: unknown): boolean {
  const code = ((err as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO';
}

/** Words a failed connection as users of other runtimes know it. */
function describeFetchError(method: string, url: string, err: unknown): string {
  const verb = method[0] + method.slice(1).toLowerCase();
  const cause = ((err as Error).cause ?? err) as NodeJS.ErrnoException & { address?: string; port?: number };
  const first = ((cause as unknown as AggregateError).errors?.[0] ?? cause) as typeof cause;
  const dial = first.address ? `dial tcp ${first.address}:${first.port}: connect: ` : '';
  const hostname = (first as { hostname?: string }).hostname ?? '';
  const why =
    first.code === 'ECONNREFUSED'
      ? `${dial}connection refused`
      : first.code === 'ENOTFOUND'
        ? `dial tcp: lookup ${hostname}: no such host`
        : first.code === 'EAI_AGAIN'
          ? `dial tcp: lookup ${hostname}: Temporary failure in name resolution`
          : dial + (first.message || String(first.code ?? 'failed'));
  return `failed to do request: ${verb} "${url}": ${why}`;
}

async function readError(response: Response, path: string): Promise<RegistryError> {
  const text = await response.text();
  let detail = text.trim().slice(0, 200);
  try {
    const { errors } = JSON.parse(text) as { errors?: { code: string; message: string }[] };
    if (errors?.[0]) detail = `${errors[0].code.toLowerCase().replaceAll('_', ' ')}: ${errors[0].message}`;
  } catch {
    // Not every error is JSON; the text as it is will do.
  }
  const wording = response.status === 404 ? `${path}: not found` : `unexpected status from ${path}: ${response.status}`;
  return new RegistryError(response.status, detail && response.status !== 404 ? `${wording}: ${detail}` : wording);
}

/** Parses `Bearer realm="...",service="..."`. */
export function parseChallenge(header: string): { scheme: string; params: Record<string, string> } {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(header) ?? [];
  const params: Record<string, string> = {};
  for (const [, key, quoted, plain] of rest.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    params[key!.toLowerCase()] = quoted ?? plain ?? '';
  }
  return { scheme: scheme.toLowerCase(), params };
}

/** User and password of an AuthConfig, which may hold them as base64 of `user:password`. */
export function credentialsOf(auth: AuthConfig | null): { username: string; password: string } | null {
  if (auth?.username) return { username: auth.username, password: auth.password };
  if (!auth?.auth) return null;
  const text = Buffer.from(auth.auth, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

const basic = ({ username, password }: { username: string; password: string }) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

async function authorize(challenge: string, ref: ImageReference, auth: AuthConfig | null, signal?: AbortSignal) {
  const { scheme, params } = parseChallenge(challenge);
  const credentials = credentialsOf(auth);
  if (scheme === 'basic') return credentials ? basic(credentials) : undefined;
  if (auth?.registry_token) return `Bearer ${auth.registry_token}`;
  if (scheme !== 'bearer' || !params.realm)
    throw new RegistryError(401, `unknown authentication challenge "${scheme}"`);
  const url = new URL(params.realm);
  const scope = params.scope ?? `repository:${ref.path}:pull`;
  const response = auth?.identity_token
    ? await fetch(url, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          service: params.service ?? '',
          client_id: 'k8ts',
          scope,
          refresh_token: auth.identity_token,
        }),
        signal,
      })
    : await fetchToken(url, { service: params.service, scope, credentials, signal });
  if (!response.ok) {
    throw new RegistryError(response.status, `failed to authorize: failed to fetch oauth token: ${response.status}`);
  }
  const { token, access_token } = (await response.json()) as { token?: string; access_token?: string };
  return `Bearer ${token ?? access_token}`;
}

interface TokenQuery {
  service: string | undefined;
  scope: string;
  credentials: { username: string; password: string } | null;
  signal?: AbortSignal;
}

function fetchToken(url: URL, { service, scope, credentials, signal }: TokenQuery): Promise<Response> {
  if (service) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return fetch(url, { headers: credentials ? { authorization: basic(credentials) } : {}, signal });
}
