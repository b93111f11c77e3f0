// /healthz, /livez and /readyz: their checks by name, each under a path of its own, all together
// with `?verbose`, some left out with `?exclude=`.
// https://kubernetes.io/docs/reference/using-api/health-checks/
import type { FrontResponse } from './http/front.ts';
import type { RequestInfo } from './request-info.ts';

type Endpoint = 'healthz' | 'livez' | 'readyz';

/** What is done once at start, in the order of kube-apiserver. */
const startHooks = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'start-legacy-token-tracking-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
].map((name) => `poststarthook/${name}`);
const openAPIHooks = ['openapi', 'openapiv3'].map((name) => `poststarthook/apiservice-${name}-controller`);
const started = [...startHooks, 'autoregister-completion', ...openAPIHooks];

/** In the order that they are listed in. The server answers, so it pings. */
const checks: Record<Endpoint, readonly string[]> = {
  healthz: ['ping', 'log', 'etcd', ...started],
  livez: ['ping', 'log', 'etcd', ...started],
  readyz: ['ping', 'log', 'etcd', 'etcd-readiness', 'informer-sync', ...started, 'shutdown'],
};
const onStart = new Set(['informer-sync', ...started]);

export interface Readiness {
  /** What a server that has begun still lacks, or has lost; null: nothing. */
  notReady(): string | null;
  /** It has been asked to end, and serves for a while. */
  isEnding(): boolean;
  /** Why etcd does not answer; null: it does. */
  etcd(): Promise<string | null>;
}

type Reasons = (check: string) => string | null;

/** Tells of every wanted check why it fails; null: it does not. Etcd is asked where it is wanted. What a server began stays begun while it lives. */
async function reasonsOf(
  endpoint: Endpoint,
  wanted: readonly string[],
  { notReady, isEnding, etcd }: Readiness,
): Promise<Reasons> {
  const isOfEtcd = (check: string) => check === 'etcd' || check === 'etcd-readiness';
  const lost = wanted.some(isOfEtcd) ? await etcd() : null;
  return (check) => {
    if (check === 'shutdown') return isEnding() ? 'process is shutting down' : null;
    if (isOfEtcd(check)) return lost;
    return endpoint === 'readyz' && onStart.has(check) ? notReady() : null;
  };
}

const plain = { 'content-type': 'text/plain; charset=utf-8' };
const text = (code: number, body: string): FrontResponse => ({
  code,
  headers: { ...plain, 'x-content-type-options': 'nosniff' },
  body,
});

export const checkPaths = (endpoint: Endpoint): string[] => checks[endpoint].map((name) => `/${endpoint}/${name}`);

/** Answers a path of health; undefined for others. */
export async function serveHealth(
  { path, query }: Pick<RequestInfo, 'path' | 'query'>,
  readiness: Readiness,
): Promise<FrontResponse | undefined> {
  const [, endpoint, name] = /^\/(healthz|livez|readyz)(?:\/(.*))?$/.exec(path) ?? [];
  if (endpoint === undefined) return undefined;
  const all = checks[endpoint as Endpoint];
  if (name !== undefined && !all.includes(name)) return undefined;
  const excluded = new Set(query.getAll('exclude').filter((x) => x !== ''));
  const wanted = name ? [name] : all.filter((check) => !excluded.has(check));
  const why = await reasonsOf(endpoint as Endpoint, wanted, readiness);
  const fails = (check: string) => why(check) !== null;
  if (name)
    return fails(name) ? text(500, `internal server error: ${why(name)}\n`) : { code: 200, headers: plain, body: 'ok' };
  const line = (check: string) => {
    if (excluded.has(check)) return `[+]${check} excluded: ok\n`;
    return fails(check) ? `[-]${check} failed: reason withheld\n` : `[+]${check} ok\n`;
  };
  const unknown = [...excluded].filter((x) => !all.includes(x)).map((x) => JSON.stringify(x));
  const warning =
    unknown.length > 0 ? `warn: some health checks cannot be excluded: no matches for ${unknown.join(', ')}\n` : '';
  const lines = all.map(line).join('');
  if (wanted.some(fails)) return text(500, `${lines}${warning}${endpoint} check failed\n`);
  return query.has('verbose') ? text(200, `${lines}${warning}${endpoint} check passed\n`) : text(200, 'ok');
}

/** The checks as metrics, one line each. https://kubernetes.io/docs/reference/instrumentation/slis/ */
export async function sliText(readiness: Readiness): Promise<string> {
  const lines = ['# HELP kubernetes_healthcheck The result of a health check.', '# TYPE kubernetes_healthcheck gauge'];
  for (const endpoint of ['healthz', 'livez', 'readyz'] as const) {
    const why = await reasonsOf(endpoint, checks[endpoint], readiness);
    for (const name of checks[endpoint]) {
      const isOk = why(name) === null;
      lines.push(`kubernetes_healthcheck{name="${name}",type="${endpoint}"} ${isOk ? 1 : 0}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
