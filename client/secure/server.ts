// A component's own server over TLS: health, metrics and configuration, for whom the API server knows and lets ask.
// Upstream: the secure serving of k8s.io/apiserver, as in kube-controller-manager and kube-scheduler.
// https://kubernetes.io/docs/concepts/cluster-administration/system-metrics/
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { ConfigMap } from '../../api/core/configmap.ts';
import { answerHealth, type ComponentContext, type HealthState } from '../../machinery/component.ts';
import { type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { jsonAnswer, type PageAnswer } from '../../machinery/zpages.ts';
import type { ClientConfig } from '../config.ts';
import { InformerFactory } from '../informer-factory.ts';
import { KubeClient } from '../rest.ts';
import { type AuthenticateRequest, delegatedAuthenticator } from './delegated-authenticator.ts';
import { type Authorizer, attributesOfPath, delegatedAuthorizer } from './delegated-authorizer.ts';
import { makeSecureServer } from './https.ts';

/** The flags of a component that serves; `port` is where it is looked for. */
export const secureServingFlags = (port: number) =>
  ({
    'bind-address': flag.string('Address to serve health, metrics and configuration at.', { default: '0.0.0.0' }),
    'secure-port': flag.number('Port of the same; 0 for none.', { default: port }),
    'tls-cert-file': flag.string('Its certificate (PEM file); one signed by itself without it.', { default: '' }),
    'tls-private-key-file': flag.string('The key of that (PEM file).', { default: '' }),
    'authorization-always-allow-paths': flag.list(
      'Paths that everybody may ask for; one that ends in * stands for all that begin so.',
      { default: ['/healthz', '/readyz', '/livez'] },
    ),
  }) as const satisfies FlagTable;

export type SecureServingFlags = Flags<ReturnType<typeof secureServingFlags>>;

export interface SecureServerDeps {
  /** As whom the API server is asked. */
  config: ClientConfig;
  userAgent: string;
  state: HealthState;
  /** What /configz shows, by the group of the configuration. */
  configz: Readonly<Record<string, object>>;
  /** Further metrics, by path. */
  metrics?: Readonly<Record<string, Registry>>;
}

export interface SecureServer {
  /** Where it listens. */
  port: number;
  close(): void;
}

const clockSkewMs = 5 * 60 * 1000;

async function readCertificate(flags: SecureServingFlags, nowMs: number) {
  const { 'tls-cert-file': cert, 'tls-private-key-file': key } = flags;
  if (!cert && !key) {
    // Made anew at each start, for clients on this machine.
    const { makeKey, makeSelfSigned } = await import('../certificates.ts');
    const subject = { commonName: `localhost@${Math.floor(nowMs / 1000)}`, names: ['localhost', '127.0.0.1'] };
    const made = makeKey();
    return { cert: await makeSelfSigned(made, subject, nowMs - clockSkewMs), key: made };
  }
  if (!cert || !key) throw new Error('--tls-cert-file and --tls-private-key-file are given together');
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

const isAmong = (paths: readonly string[], path: string) =>
  paths.some((one) => (one.endsWith('*') ? path.startsWith(one.slice(0, -1)) : path === one));

/** Serves until it is closed; undefined without a port. Rejects when it cannot listen. */
export async function serveSecurely(
  flags: SecureServingFlags,
  { clock, random, log, signal }: Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal'>,
  { config, userAgent, state, configz, metrics = {} }: SecureServerDeps,
): Promise<SecureServer | undefined> {
  if (flags['secure-port'] === 0) return undefined;
  const tls = await readCertificate(flags, clock.now());
  const client = new KubeClient(config, { userAgent, clock });
  const others = ['/configz', ...Object.keys(metrics)];
  const documents: Documents = async (path, accept) => {
    if (path === '/configz') return jsonAnswer(configz);
    const more = metrics[path];
    if (more) return { code: 200, type: more.contentType, text: await more.metrics() };
    return answerHealth({ path, accept }, state, others);
  };
  const access = {
    authenticate: delegatedAuthenticator(client, clock),
    authorize: delegatedAuthorizer(client, clock),
    open: flags['authorization-always-allow-paths'],
  };
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  const authorityOf = (data: ConfigMap['data']) => data?.['client-ca-file'];
  const deps = { tls, log, informers, authorityOf };
  const server = makeSecureServer(deps, (request) => answer(request, access, documents));
  server.listen(flags['secure-port'], flags['bind-address']);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
      client.close();
    },
  };
}

type Documents = (path: string, accept: string | undefined) => Promise<PageAnswer>;

interface Access {
  authenticate: AuthenticateRequest;
  authorize: Authorizer;
  /** Paths that everybody may ask for. */
  open: readonly string[];
}

async function answer(request: IncomingMessage, { authenticate, authorize, open }: Access, documents: Documents) {
  const { method = '', url = '/' } = request;
  const path = url.split('?')[0] ?? '';
  const user = await authenticate(request);
  if (!isAmong(open, path)) await authorize(user, attributesOfPath(path, method.toLowerCase()));
  return documents(path, request.headers.accept);
}
