// A real etcd and the real API server on loopback, for tests that need no node: certificates,
// ports, start, stop, crash.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCertificate, makeAuthority, type PemPair } from '../../cli/pki/issue.ts';
import type { ClientConfig } from '../../client/config.ts';
import { KubeClient } from '../../client/rest.ts';
import { realClock } from '../../machinery/clock.ts';

const root = process.env.K8TS_ROOT ?? process.cwd();
const readyDeadlineMs = 20_000;

export interface Answer {
  status: number;
  body: any;
  headers: Record<string, string | string[] | undefined>;
}

export interface RequestOptions {
  body?: unknown;
  contentType?: string;
  accept?: string;
  token?: string;
  headers?: Record<string, string>;
  /** Without a client certificate. */
  anonymous?: boolean;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

interface PlaneParts {
  ports: [number, number, number];
  authority: PemPair;
  admin: PemPair;
  folder?: string;
  /** More flags of the API server. */
  flags?: readonly string[];
  /** URLs of an etcd that somebody else has started. */
  etcdServers?: readonly string[] | undefined;
}

export class TestControlPlane {
  readonly folder: string;
  readonly port: number;
  readonly #etcdPorts: [number, number];
  readonly #authority: PemPair;
  readonly #admin: PemPair;
  readonly #flags: readonly string[];
  readonly #etcdServers: readonly string[] | undefined;
  #etcd: ChildProcess | undefined;
  #apiserver: ChildProcess | undefined;
  readonly #clients: KubeClient[] = [];
  readonly #peers: TestControlPlane[] = [];

  constructor(parts: PlaneParts) {
    this.folder = parts.folder ?? mkdtempSync(join(tmpdir(), 'k8ts-api-'));
    const [port, ...etcdPorts] = parts.ports;
    this.port = port;
    this.#etcdPorts = etcdPorts as [number, number];
    this.#authority = parts.authority;
    this.#admin = parts.admin;
    this.#flags = parts.flags ?? [];
    this.#etcdServers = parts.etcdServers;
  }

  get server(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The CA of its clients, which may sign more. */
  get authority(): PemPair {
    return this.#authority;
  }

  get config(): ClientConfig {
    const { certificatePem, keyPem } = this.#admin;
    return {
      server: this.server,
      ca: Buffer.from(this.#authority.certificatePem),
      cert: Buffer.from(certificatePem),
      key: Buffer.from(keyPem),
    };
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Writes a kubeconfig of the administrator, or of a user with a certificate of its own. */
  async kubeconfig(user?: { name: string; groups?: string }): Promise<string> {
    const name = user?.name ?? 'admin';
    const pair = user ? await this.certificate(user.name, user.groups) : this.#admin;
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [
        {
          name: 'test',
          cluster: { server: this.server, 'certificate-authority-data': base64(this.#authority.certificatePem) },
        },
      ],
      users: [
        {
          name,
          user: { 'client-certificate-data': base64(pair.certificatePem), 'client-key-data': base64(pair.keyPem) },
        },
      ],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    };
    const path = this.file(`kubeconfig-${name.replaceAll(/[^a-z0-9]/gi, '-')}`);
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  certificate(commonName: string, organization?: string): Promise<PemPair> {
    const plan = {
      file: '',
      authority: '',
      commonName,
      usages: ['client'] as const,
      ...(organization ? { organization } : {}),
    };
    return issueCertificate(plan, this.#authority, realClock.now());
  }

  client(): KubeClient {
    const client = new KubeClient(this.config, { userAgent: 'k8ts-test', clock: realClock });
    this.#clients.push(client);
    return client;
  }

  async startEtcd(): Promise<void> {
    const [client, peer] = this.#etcdPorts.map((p) => `http://127.0.0.1:${p}`) as [string, string];
    const args = ['--data-dir', this.file('etcd'), '--listen-client-urls', client, '--advertise-client-urls', client];
    args.push(
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
    );
    this.#etcd = spawn('etcd', [...args, '--max-request-bytes', '4194304', '--log-level', 'error'], {
      stdio: 'ignore',
    });
  }

  /** Ends etcd with SIGKILL; its data stay. */
  async killEtcd(): Promise<void> {
    await end(this.#etcd, 'SIGKILL');
  }

  /** With more flags, if any. */
  async startApiServer(flags: readonly string[] = []): Promise<void> {
    const etcd = this.#etcdServers ?? [`http://127.0.0.1:${this.#etcdPorts[0]}`];
    const args = ['--etcd-servers', etcd.join(), '--secure-port', String(this.port)];
    args.push('--advertise-address', '192.0.2.1', '--client-ca-file', this.file('ca.crt'));
    args.push('--tls-cert-file', this.file('server.crt'), '--tls-private-key-file', this.file('server.key'));
    args.push('--proxy-client-cert-file', this.file('front-proxy.crt'));
    args.push('--proxy-client-key-file', this.file('front-proxy.key'));
    args.push(
      '--service-account-key-file',
      this.file('sa.pub'),
      '--service-account-signing-key-file',
      this.file('sa.key'),
      ...this.#flags,
      ...flags,
    );
    this.#apiserver = spawn(process.execPath, [join(root, 'dist/bin/k8ts.mjs'), 'apiserver', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [this.#apiserver.stdout, this.#apiserver.stderr])
      stream?.on('data', (chunk) => (output += chunk));
    const deadline = realClock.monotonicMs() + readyDeadlineMs;
    for (;;) {
      const answer = await this.request('GET', '/readyz').catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.#apiserver.exitCode !== null || realClock.monotonicMs() > deadline)
        throw new Error(`the API server did not get ready:\n${output}`);
      await realClock.sleep(30);
    }
  }

  /** Another API server on the same etcd, by another way to it if need be; it ends with this one. */
  async startPeer(flags: readonly string[] = [], etcdServers = this.#etcdServers): Promise<TestControlPlane> {
    const ports: [number, number, number] = [await freePort(), ...this.#etcdPorts];
    const parts = {
      ports,
      authority: this.#authority,
      admin: this.#admin,
      folder: this.folder,
      flags: this.#flags,
      etcdServers,
    };
    const peer = new TestControlPlane(parts);
    this.#peers.push(peer);
    await peer.startApiServer(flags);
    return peer;
  }

  async killApiServer(): Promise<void> {
    await end(this.#apiserver, 'SIGKILL');
  }

  /** SIGSTOP, SIGCONT. */
  signalApiServer(signal: NodeJS.Signals): void {
    this.#apiserver?.kill(signal);
  }

  /** Asks the API server to end. Resolves to its exit code, null when a signal ended it. */
  async stopApiServer(): Promise<number | null> {
    const exited = once(this.#apiserver!, 'exit');
    this.#apiserver!.kill('SIGTERM');
    const [code] = await exited;
    return code;
  }

  /** A connection of HTTP/2 as the administrator, open; who asked for it destroys it. */
  async openSession(): Promise<ClientHttp2Session> {
    const { ca, cert, key } = this.config;
    const session = connect(this.server, { ca, cert, key });
    await once(session, 'connect');
    return session;
  }

  /** One HTTP/1.1 request; the body of a JSON answer is parsed. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body } = options;
    const text =
      body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const { cert, key, ca } = this.config;
    const headers: Record<string, string> = {
      accept: options.accept ?? 'application/json',
      'user-agent': 'k8ts-test/1',
      ...options.headers,
    };
    if (text !== undefined) {
      headers['content-type'] = options.contentType ?? 'application/json';
      // Without it the body of a DELETE has no end.
      headers['content-length'] = String(Buffer.byteLength(text));
    }
    if (options.token) headers.authorization = `Bearer ${options.token}`;
    const identity = options.token || options.anonymous ? {} : { cert, key };
    return new Promise((resolve, reject) => {
      const req = httpsRequest(`${this.server}${path}`, { method, ca, headers, agent: false, ...identity }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (c) => chunks.push(c));
        res.on('end', () => {
          const raw = Buffer.concat(chunks).toString();
          const isJson = String(res.headers['content-type'] ?? '').includes('json') && raw !== '';
          resolve({ status: res.statusCode ?? 0, body: isJson ? JSON.parse(raw) : raw, headers: res.headers });
        });
      });
      req.on('error', reject);
      req.end(text);
    });
  }

  /** A namespace of its own, with the service account that pods need. */
  async namespace(name: string): Promise<string> {
    await this.request('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
    await this.request('POST', `/api/v1/namespaces/${name}/serviceaccounts`, {
      body: { metadata: { name: 'default' } },
    });
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this, ...this.#peers].flatMap((plane) => plane.#clients)) client.close();
    await Promise.all([this, ...this.#peers].map((plane) => end(plane.#apiserver, 'SIGTERM')));
    await end(this.#etcd, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = realClock.after(5_000, () => child.kill('SIGKILL'));
  await exited;
  timer.cancel();
}

/** Starts both and waits until they serve. `await using api = await startControlPlane()`. */
export async function startControlPlane(
  flags: readonly string[] = [],
  etcdServers?: readonly string[],
): Promise<TestControlPlane> {
  const nowMs = realClock.now();
  const authority = await makeAuthority({ file: '', commonName: 'test-ca' }, nowMs);
  const plan = { file: '', authority: '' };
  const admin = await issueCertificate(
    { ...plan, commonName: 'kubernetes-admin', organization: 'system:masters', usages: ['client'] },
    authority,
    nowMs,
  );
  const serving = await issueCertificate(
    { ...plan, commonName: 'kube-apiserver', dnsNames: ['localhost'], addresses: ['127.0.0.1'], usages: ['server'] },
    authority,
    nowMs,
  );
  const proxyAuthority = await makeAuthority({ file: '', commonName: 'test-front-proxy-ca' }, nowMs);
  const proxy = await issueCertificate(
    { ...plan, commonName: 'front-proxy-client', usages: ['client'] },
    proxyAuthority,
    nowMs,
  );
  const ports: [number, number, number] = [await freePort(), await freePort(), await freePort()];
  const plane = new TestControlPlane({ ports, authority, admin, flags, etcdServers });
  mkdirSync(plane.file('etcd'), { mode: 0o700 });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(plane.file('ca.crt'), authority.certificatePem);
  writeFileSync(plane.file('admin.crt'), admin.certificatePem);
  writeFileSync(plane.file('admin.key'), admin.keyPem, { mode: 0o600 });
  writeFileSync(plane.file('server.crt'), serving.certificatePem);
  writeFileSync(plane.file('server.key'), serving.keyPem, { mode: 0o600 });
  writeFileSync(plane.file('front-proxy-ca.crt'), proxyAuthority.certificatePem);
  writeFileSync(plane.file('front-proxy.crt'), proxy.certificatePem);
  writeFileSync(plane.file('front-proxy.key'), proxy.keyPem, { mode: 0o600 });
  writeFileSync(plane.file('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(plane.file('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  try {
    if (!etcdServers) await plane.startEtcd();
    await plane.startApiServer();
    return plane;
  } catch (err) {
    await plane[Symbol.asyncDispose]();
    throw err;
  }
}

/** Where the reference facts are, or undefined where they are missing. */
export function referenceFile(name: string): string | undefined {
  const path = join(root, '..', 'shared', 'reference', name);
  try {
    readFileSync(path);
    return path;
  } catch {
    return undefined; // the checks that use it are skipped
  }
}
