// A node, two pods and a host in network namespaces of their own, wired as a cluster wires them, with the real proxy in
// the node and a real API server to feed it. Nothing of it is in the namespace of the test, and all ends with it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DecodedPacket, decode, encode, type Packet, type RecordType } from 'dns-packet';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import type { AgentAnswer, AgentCommand } from './net-agent.ts';

const podCidr = '10.244.0.0/16';
const serviceCidr = '10.96.0.0/16';
export const dnsAddress = '10.96.0.10';
export const nodeIp = '192.168.77.2';
export const hostIp = '192.168.77.1';
export const podIps = ['10.244.0.11', '10.244.0.12'] as const;
const nodeName = 'test-node';

const root = process.env.K8TS_ROOT ?? process.cwd();
const agentFile = join(root, 'test/integration/proxy/net-agent.ts');

/** Why these tests cannot run here, or undefined. */
export function missingForProxy(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['nft', 'ip', 'nsenter', 'unshare', 'conntrack', 'socat'];
  const folders = ['/usr/bin', '/usr/sbin', '/bin', '/sbin'];
  const missing = programs.find((p) => !folders.some((d) => existsSync(`${d}/${p}`)));
  return missing && `needs ${missing}`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The result code is missing in the package's types. */
export type Answer = DecodedPacket & { rcode: string };

/** A network namespace with an agent in it. */
export class Place {
  readonly #holder: ChildProcess;
  #agent: ChildProcess | undefined;
  #waiting = new Map<number, (answer: AgentAnswer) => void>();
  #lastId = 0;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async make(): Promise<Place> {
    const script = 'ip link set lo up && echo ready && exec sleep infinity';
    const holder = spawn('unshare', ['--net', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout!, 'data');
    return new Place(holder);
  }

  get pid(): number {
    return this.#holder.pid!;
  }

  spawn(command: string, args: string[]): ChildProcess {
    return spawn('nsenter', ['-t', String(this.pid), '-n', command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  run(command: string, args: string[], input: string | Buffer = ''): string {
    return execFileSync('nsenter', ['-t', String(this.pid), '-n', command, ...args], { input, encoding: 'utf8' });
  }

  /** Sends a command to the agent, which is started first. */
  ask(command: AgentCommand): Promise<AgentAnswer> {
    if (!this.#agent) {
      this.#agent = this.spawn(process.execPath, [agentFile, 'run']);
      createInterface({ input: this.#agent.stdout! }).on('line', (line) => {
        const { id, ...answer } = JSON.parse(line);
        this.#waiting.get(id)?.(answer);
        this.#waiting.delete(id);
      });
    }
    const id = ++this.#lastId;
    this.#agent.stdin!.write(`${JSON.stringify({ id, ...command })}\n`);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** What a server says, or the code of the error. */
  async tcp(host: string, port: number): Promise<string> {
    return textOf(await this.ask({ op: 'tcp', host, port }));
  }

  async udp(host: string, port: number, localPort?: number): Promise<string> {
    return textOf(await this.ask({ op: 'udp', host, port, ...(localPort ? { localPort } : {}) }));
  }

  async dns(name: string, type: string, over: 'udp' | 'tcp' = 'udp'): Promise<Answer> {
    const query: Packet = { type: 'query', id: 4711, flags: 256, questions: [{ name, type: type as RecordType }] };
    const message = encode(query);
    const framed = Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
    const { data, error } = await this.ask(
      over === 'udp'
        ? { op: 'udp', host: dnsAddress, port: 53, send: message.toString('base64') }
        : { op: 'tcp', host: dnsAddress, port: 53, send: framed.toString('base64'), framed: true },
    );
    if (error) throw new Error(`DNS over ${over}: ${error}`);
    return decode(Buffer.from(data!, 'base64')) as Answer;
  }

  async close(): Promise<void> {
    if (this.#agent) await end(this.#agent);
    await end(this.#holder);
  }
}

const textOf = ({ data, error }: AgentAnswer) => error ?? Buffer.from(data ?? '', 'base64').toString();

export class TestNet implements AsyncDisposable {
  readonly api: TestControlPlane;
  readonly node: Place;
  readonly host: Place;
  readonly pods: readonly [Place, Place];
  readonly #relays: ChildProcess[] = [];
  #proxy: ChildProcess | undefined;

  private constructor(api: TestControlPlane, places: [Place, Place, Place, Place]) {
    this.api = api;
    const [node, host, ...pods] = places;
    this.node = node;
    this.host = host;
    this.pods = pods;
  }

  static async start(): Promise<TestNet> {
    const api = await startControlPlane();
    const places = await Promise.all([Place.make(), Place.make(), Place.make(), Place.make()]);
    const net = new TestNet(api, places);
    try {
      net.#wire();
      await net.#relayApi();
      await net.startProxy();
      await Promise.all(net.pods.map((pod, i) => pod.ask({ op: 'serve', name: `pod${i}`, port: 8080 })));
    } catch (err) {
      await net[Symbol.asyncDispose]();
      throw err;
    }
    return net;
  }

  #wire(): void {
    const { node, host, pods } = this;
    const lines = [
      `link add eth0 type veth peer name link0 netns ${host.pid}`,
      `address add ${nodeIp}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${hostIp}`,
      `route add unreachable ${serviceCidr}`,
      `route add unreachable ${podCidr}`,
      ...pods.flatMap((pod, i) => [
        `link add pod${i} type veth peer name eth0 netns ${pod.pid}`,
        `link set pod${i} up`,
        `route add ${podIps[i]}/32 dev pod${i} scope link`,
      ]),
    ];
    host.run('ip', ['link', 'set', 'lo', 'up']);
    node.run('ip', ['-batch', '-'], lines.join('\n'));
    node.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.proxy_arp=1']);
    const hostLines = [`address add ${hostIp}/24 dev link0`, 'link set link0 up'];
    for (const cidr of [serviceCidr, podCidr]) hostLines.push(`route add ${cidr} via ${nodeIp}`);
    host.run('ip', ['-batch', '-'], hostLines.join('\n'));
    pods.forEach((pod, i) => {
      const podLines = [`address add ${podIps[i]}/32 dev eth0`, 'link set eth0 up'];
      podLines.push('route add 169.254.1.1 dev eth0 scope link', 'route add default via 169.254.1.1 dev eth0');
      pod.run('ip', ['-batch', '-'], podLines.join('\n'));
    });
  }

  /** The API server listens outside: a socket file leads there from inside. */
  async #relayApi(): Promise<void> {
    const file = this.api.file('relay.sock');
    const port = this.api.port;
    this.#relays.push(
      spawn('socat', [`UNIX-LISTEN:${file},fork`, `TCP:127.0.0.1:${port}`], { stdio: 'ignore' }),
      this.node.spawn('socat', [`TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, `UNIX-CONNECT:${file}`]),
    );
    while (!existsSync(file)) await realClock.sleep(10);
  }

  async startProxy(): Promise<void> {
    const kubeconfig = await this.api.kubeconfig({ name: 'system:kube-proxy' });
    const flags = ['--kubeconfig', kubeconfig, '--node-name', nodeName, '--node-ip', nodeIp, '--health-port', '10256'];
    flags.push('--cluster-cidr', podCidr, '--service-cluster-ip-range', serviceCidr, '--cluster-dns', dnsAddress);
    const command = [join(root, 'dist/bin/k8ts.mjs'), 'proxy', ...flags];
    this.#proxy = this.node.spawn(process.execPath, command);
    let log = '';
    const proxy = this.#proxy;
    await new Promise<void>((resolve, reject) => {
      proxy.stdout!.on('data', (chunk) => {
        log += chunk;
        if (log.includes('services and DNS are served')) resolve();
      });
      proxy.once('exit', () => reject(new Error(`the proxy ended:\n${log}`)));
    });
  }

  async killProxy(): Promise<void> {
    if (this.#proxy) await end(this.#proxy);
  }

  get proxyPid(): number {
    return this.#proxy!.pid!;
  }

  /** Creates a Service; resolves to what the API server made of it. */
  async service(name: string, spec: object): Promise<any> {
    const { status, body } = await this.api.request('POST', '/api/v1/namespaces/default/services', {
      body: { metadata: { name }, spec },
    });
    if (status !== 201) throw new Error(JSON.stringify(body));
    return body;
  }

  /** Says which pods are behind a service. The ports are those of the slice. */
  async endpoints(service: string, pods: readonly (0 | 1)[], ports: object[]): Promise<void> {
    const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const body = {
      metadata: { name: service, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      endpoints: pods.map((i) => ({ addresses: [podIps[i]], nodeName, conditions: { ready: true } })),
      ports,
    };
    const known = await this.api.request('GET', `${path}/${service}`);
    const answer =
      known.status === 404
        ? await this.api.request('POST', path, { body })
        : await this.api.request('PUT', `${path}/${service}`, { body });
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killProxy();
    for (const relay of this.#relays) await end(relay);
    for (const place of [...this.pods, this.host, this.node]) await place.close();
    await this.api[Symbol.asyncDispose]();
  }
}

/** Asks again until the answer is as expected, for changes that take a moment. */
export async function until<T>(what: string, ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
  const deadline = realClock.monotonicMs() + 5_000;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (realClock.monotonicMs() > deadline) throw new Error(`${what}: still ${JSON.stringify(answer)}`);
    await realClock.sleep(5);
  }
}
