// An OCI registry over HTTP: manifests and blobs, with token and basic authentication, by global fetch. Registries on
// loopback may speak plain HTTP; a mirror is asked before the registry it stands for.

import { STATUS_CODES } from 'node:http';
import type { ImageReference } from '../../../machinery/image-reference.ts';
import { describeNetworkError } from '../../../machinery/network-error.ts';
import type { AuthConfig } from '../../../proto/cri.gen.ts';
import { type Answer, fetchWithProgress, type ProgressOptions, readUpTo } from './progress.ts';

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

export interface RegistryRequest {
  headers?: Record<string, string>;
  method?: string;
  signal: AbortSignal;
}

export type Registry = ReturnType<typeof openRegistry>;

export interface RegistryOptions {
  auth: AuthConfig | null;
  /** Of a mirror; else the repository's own registry is asked. */
  baseUrl?: string;
  progress: ProgressOptions;
}

const hostOf = (domain: string) => (domain === 'docker.io' ? 'registry-1.docker.io' : domain);
const isLoopback = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);

/** Opens a repository at its own registry or at a mirror. */
export function openRegistry(ref: ImageReference, { auth, baseUrl, progress }: RegistryOptions) {
  const host = hostOf(ref.domain);
  let base = baseUrl ?? `https://${host}`;
  let authorization: string | undefined;
  const send = async (path: string, { method = 'GET', headers: wanted, signal }: RegistryRequest): Promise<Answer> => {
    const headers = { 'user-agent': 'k8ts', ...wanted, ...(authorization ? { authorization } : {}) };
    const url = () => `${base}/v2/${ref.path}/${path}`;
    // A redirect to another host (where blobs often lie) drops the authorization: fetch does that by itself.
    const once = () => fetchWithProgress(url(), { method, headers, signal }, progress);
    try {
      return await once();
    } catch (err) {
      if (isTlsMismatch(err) && isLoopback(host) && base.startsWith('https:')) {
        base = base.replace('https:', 'http:');
        return send(path, { method, signal, ...(wanted ? { headers: wanted } : {}) });
      }
      signal.throwIfAborted();
      throw new RegistryError(0, describeFetchError(method, url(), err), { cause: err });
    }
  };
  return {
    /** Opens `/v2/<repository>/<path>`; throws RegistryError unless the answer is a success. */
    async request(path: string, options: RegistryRequest): Promise<Answer> {
      let answer = await send(path, options);
      const challenge = challengeOf(answer);
      if (challenge) {
        answer.cancel();
        authorization = await authorize(challenge, { ref, auth, progress, signal: options.signal });
        answer = await send(path, options);
      }
      if (answer.ok) return answer;
      const refused = challengeOf(answer)?.params.error;
      if (refused) throw denied(`server message: ${refused.slice(0, 200)}: authorization failed`);
      throw await readError(answer, options.method ?? 'GET', `${base}/v2/${ref.path}/${path}`);
    },
  };
}

function challengeOf({ status, headers }: Answer): Challenge | undefined {
  const header = headers.get('www-authenticate');
  return status === 401 && header ? parseChallenge(header) : undefined;
}

const denied = (why: string) =>
  new RegistryError(401, `pull access denied, repository does not exist or may require authorization: ${why}`);

/** Whether the other side does not speak TLS at all. */
function isTlsMismatch(err: unknown): boolean {
  const code = ((err as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO';
}

/** Words a failed connection as users of other runtimes know it. */
function describeFetchError(method: string, url: string, err: unknown): string {
  const verb = method[0] + method.slice(1).toLowerCase();
  const cause = ((err as Error).cause ?? err) as NodeJS.ErrnoException & { hostname?: string };
  const first = ((cause as unknown as AggregateError).errors?.[0] ?? cause) as typeof cause;
  const why = describeNetworkError(first, first.hostname ?? new URL(url).hostname);
  return `failed to do request: ${verb} "${url}": ${why}`;
}

/** What is said of an error, and what a token may be. */
const maxTextBytes = 64 << 10;

async function readError(answer: Answer, method: string, url: string): Promise<RegistryError> {
  const { status } = answer;
  const text = (await readUpTo(maxTextBytes, answer.pieces))?.toString() ?? '';
  if (status === 404) return new RegistryError(status, `content at ${url} not found: not found`);
  let detail = '';
  try {
    const { code, message } = (JSON.parse(text) as { errors: { code: string; message: string }[] }).errors[0]!;
    detail = `: ${String(code).toLowerCase().replaceAll('_', ' ')}: ${String(message)}`.slice(0, 1_000);
  } catch {
    // Not every error is of that form.
  }
  const wording = `unexpected status from ${method} request to ${url}: ${status} ${STATUS_CODES[status] ?? ''}`;
  return new RegistryError(status, wording.trimEnd() + detail);
}

interface Challenge {
  scheme: string;
  params: Record<string, string>;
}

/** Parses `Bearer realm="...",service="..."`. */
export function parseChallenge(header: string): Challenge {
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

interface AuthContext {
  ref: ImageReference;
  auth: AuthConfig | null;
  progress: ProgressOptions;
  signal: AbortSignal;
}

/** The value of the header that answers a challenge. */
async function authorize({ scheme, params }: Challenge, context: AuthContext): Promise<string> {
  const { auth } = context;
  const credentials = credentialsOf(auth);
  if (scheme === 'basic') {
    if (credentials) return basic(credentials);
    throw denied('authorization failed: no basic auth credentials');
  }
  if (auth?.registry_token) return `Bearer ${auth.registry_token}`;
  if (scheme !== 'bearer' || !URL.canParse(params.realm ?? ''))
    throw new RegistryError(401, `unknown authentication challenge "${scheme.slice(0, 200)}"`);
  const url = new URL(params.realm!);
  const kind = credentials || auth?.identity_token ? 'oauth' : 'anonymous';
  const refused = (why: string, status = 401, cause?: unknown) =>
    new RegistryError(status, `failed to authorize: failed to fetch ${kind} token: ${why}`, { cause });
  let bytes: Buffer | undefined;
  try {
    const answer = await fetchToken(url, params, context);
    if (!answer.ok) {
      const { status, message } = await readError(answer, auth?.identity_token ? 'POST' : 'GET', url.href);
      throw refused(message, status);
    }
    bytes = await readUpTo(maxTextBytes, answer.pieces);
  } catch (err) {
    context.signal.throwIfAborted();
    throw err instanceof RegistryError ? err : refused(describeFetchError('GET', url.href, err), 0, err);
  }
  const token = tokenOf(bytes);
  if (token === undefined) throw refused('authorization server did not include a token in the response');
  return `Bearer ${token}`;
}

function tokenOf(bytes: Buffer | undefined): string | undefined {
  try {
    const { token, access_token } = JSON.parse(bytes!.toString());
    const found = token ?? access_token;
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function fetchToken(url: URL, params: Record<string, string>, { ref, auth, progress, signal }: AuthContext) {
  const { service = '', scope = `repository:${ref.path}:pull` } = params;
  const refresh_token = auth?.identity_token;
  if (refresh_token) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', service, client_id: 'k8ts', scope, refresh_token });
    return fetchWithProgress(url, { method: 'POST', body, signal }, progress);
  }
  const credentials = credentialsOf(auth);
  if (service) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const headers: Record<string, string> = credentials ? { authorization: basic(credentials) } : {};
  return fetchWithProgress(url, { headers, signal }, progress);
}
