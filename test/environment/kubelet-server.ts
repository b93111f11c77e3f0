// The kubelet's server on loopback over stand-ins for what it tells of: real HTTPS, certificates and clients.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { issueCertificate, makeAuthority, type PemPair } from '../../cli/pki/issue.ts';
import { type AccessSettings, createAccess } from '../../kubelet/server/client-access.ts';
import { type ServerDeps, startServer } from '../../kubelet/server/server.ts';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { freePort } from './control-plane.ts';

/** As `up` configures it. */
export const accessSettings: AccessSettings = {
  clientCaFile: '/ca.crt',
  anonymous: false,
  tokens: true,
  tokenTtlMs: 120_000,
  mode: 'Webhook',
  allowedTtlMs: 300_000,
  deniedTtlMs: 30_000,
};

/** Everybody with a certificate may everything, and nobody is asked. */
export const openAccess = createAccess(
  { ...accessSettings, mode: 'AlwaysAllow' },
  {
    client: { request: () => Promise.reject(new Error('there is no API server')) },
    clock: realClock,
    log: silentLogger,
    nodeName: 'node',
  },
);

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Common name of a certificate; null for none. */
  as?: string | null;
}

export async function startKubeletServer(parts: object, given?: PemPair) {
  const authority = given ?? (await makeAuthority({ file: '', commonName: 'test' }, realClock.now()));
  const pairs = new Map<string, PemPair>();
  const issue = async (commonName: string): Promise<PemPair> => {
    const plan = { file: '', authority: '', commonName, usages: ['server', 'client'] as const };
    const pair = pairs.get(commonName) ?? (await issueCertificate(plan, authority, realClock.now()));
    pairs.set(commonName, pair);
    return pair;
  };
  const own = await issue('node');
  const port = await freePort();
  const pem = (one: string) => Buffer.from(one);
  const server = await startServer({
    port,
    tls: { pair: { cert: pem(own.certificatePem), key: pem(own.keyPem) }, clientCa: pem(authority.certificatePem) },
    access: openAccess,
    pods: { list: () => [] },
    clock: realClock,
    log: silentLogger,
    nodeName: 'node',
    metrics: new Registry(),
    probeMetrics: new Registry(),
    health: {},
    zpages: () => undefined,
    ...parts,
  } as unknown as ServerDeps);
  /** What a connection needs, as somebody. */
  const options = async (as: string | null) => ({
    host: '127.0.0.1',
    port,
    ca: authority.certificatePem,
    checkServerIdentity: () => undefined,
    ...(as === null ? {} : { cert: (await issue(as)).certificatePem, key: (await issue(as)).keyPem }),
  });
  return {
    options,
    present: server.present,
    trust: server.trust,
    close: () => server.close(),
    async ask(
      path: string,
      { as = 'kube-apiserver-kubelet-client', method = 'GET', headers = {}, body }: AskOptions = {},
    ) {
      const req = request({ ...(await options(as)), agent: false, path, method, headers });
      // One that breaks while its answer is read has two to tell of it.
      req.on('error', () => undefined);
      req.end(body);
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      return { code: res.statusCode, text: await text(res), location: res.headers.location };
    },
  };
}

export type TestKubeletServer = Awaited<ReturnType<typeof startKubeletServer>>;
