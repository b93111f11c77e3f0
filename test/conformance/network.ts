// Servers and clients of network tests: pods that answer with their name, and what others get from them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  AUTHENTIC_DATA,
  decode,
  encode,
  type OptAnswer,
  RECURSION_DESIRED,
  type RecordType,
  streamEncode,
} from 'dns-packet';
import { eventually } from '../environment/kubectl.ts';
import type { Space } from './cluster.ts';

interface Server {
  name: string;
  labels?: Record<string, string>;
  /** Ports that answer. */
  http?: number[];
  udp?: number[];
  /** As the container declares them. */
  ports?: object[];
  /** More of nginx's configuration of HTTP. */
  more?: string;
  /** More of the pod's spec. */
  spec?: object;
}

const configOf = ({ http = [], udp = [], more = '' }: Server) => `
  daemon off; user root; worker_processes 1; error_log /dev/stderr; pid /tmp/nginx.pid;
  load_module /usr/lib/nginx/modules/ngx_stream_module.so;
  events { worker_connections 256; }
  http {
    access_log off; default_type text/plain;
    ${http.map((port) => `server { listen ${port}; return 200 $hostname; }`).join('\n')}
    ${more}
  }
  stream { ${udp.map((port) => `server { listen ${port} udp; return $hostname; }`).join('\n')} }`;

/** A pod that says its host name to everybody. */
export function serverPod(server: Server): any {
  const { name, labels = {}, http = [], ports, spec } = server;
  const probe = http.length > 0 && {
    readinessProbe: { httpGet: { path: '/', port: http[0] }, periodSeconds: 1, failureThreshold: 60 },
  };
  const container = {
    name: 'server',
    image: 'netserver:1.0',
    command: ['sh', '-c', 'printf %s "$CONFIG" >/tmp/nginx.conf; exec nginx -c /tmp/nginx.conf'],
    env: [{ name: 'CONFIG', value: configOf(server) }],
    ...(ports && { ports }),
    ...probe,
  };
  return {
    metadata: { name, labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [container], ...spec },
  };
}

/** A port as a container declares it. */
export const tcp = (name: string, containerPort: number) => ({ name, containerPort, protocol: 'TCP' });

/** A pod to run commands in. */
export const clientPod = (name = 'client', spec: object = {}): any => ({
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '1000000'] }],
    ...spec,
  },
});

export const makeService = (space: Space, name: string, spec: object, labels = {}): Promise<any> =>
  space.ask('POST', space.path('/api/v1', 'services'), { body: { metadata: { name, labels }, spec } });

interface Done {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a script of bash in a pod, by kubectl; other tests go on meanwhile. */
export function execIn(space: Space, pod: string, script: string): Promise<Done> {
  const args = ['-n', space.namespace, 'exec', pod, '--', 'sh', '-c', script];
  const env = { ...process.env, KUBECONFIG: space.kubeconfig };
  return new Promise((resolve) => {
    execFile('kubectl', args, { env, timeout: 600_000 }, (err, stdout, stderr) => {
      resolve({ code: err ? Number(err.code ?? 1) : 0, stdout, stderr });
    });
  });
}

/** Runs a script in a pod until `check` holds for what it prints, its end or both. */
export async function untilExec(
  space: Space,
  pod: string,
  script: string,
  check: (done: Done) => boolean,
): Promise<Done> {
  let last: Done | undefined;
  try {
    return await eventually(`${script} in ${pod}`, async () => {
      last = await execIn(space, pod, script);
      return check(last) ? last : undefined;
    });
  } catch (err) {
    throw new Error(`${(err as Error).message}; last: ${JSON.stringify(last)}`, { cause: err });
  }
}

/** A script that asks over HTTP, or by a datagram, and prints the answer. */
export const httpTo = (host: string, port: number): string => `timeout 30 wget -qO- http://${host}:${port}/hostname`;
export const udpTo = (host: string, port: number): string =>
  `exec 3<>/dev/udp/${host}/${port} && echo hostname >&3 && timeout 2 dd bs=9999 count=1 <&3 2>/dev/null`;

/** Waits until a server of `names` answers. */
export const untilAnswered = (space: Space, pod: string, script: string, names: string[]): Promise<Done> =>
  untilExec(space, pod, script, ({ stdout }) => names.includes(stdout.trim()));

export const untilRefused = (space: Space, pod: string, script: string): Promise<Done> =>
  untilExec(space, pod, script, ({ code, stdout }) => code !== 0 && stdout === '');

export interface DnsQuestion {
  name: string;
  type: RecordType;
}
export interface DnsAnswer {
  rcode: string;
  /** `A 10.96.0.1`, `SRV 80 name`. */
  records: string[];
}

// What dig sends along.
const flags = RECURSION_DESIRED | AUTHENTIC_DATA;
const extension: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [{ code: 10, data: Buffer.from('0123456789abcdef', 'hex') } as any],
};

// A datagram is one write: the shell's own printf writes line by line.
const askScript = `ask() {
  exec 3<>/dev/$1/$server/53 && printf "$2" >/tmp/question && cat /tmp/question >&3
  if [ $1 = tcp ]; then
    length=$((16#$(timeout 5 dd bs=1 count=2 <&3 2>/dev/null | hexdump -v -e '/1 "%02x"')))
    timeout 5 dd bs=1 count=$length <&3 2>/dev/null | base64 | tr -d '\\n'
  else
    timeout 5 dd bs=65535 count=1 <&3 2>/dev/null | base64 | tr -d '\\n'
  fi
  exec 3>&-; echo
}
server=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1)`;

function told(record: any): string {
  const { type, data } = record;
  return type === 'SRV' ? `SRV ${data.port} ${data.target}` : `${type} ${data}`;
}

/**
 * Asks the pod's name server, as `dig +search`: a name with fewer dots than `ndots` is tried in each domain of the
 * pod's search list and then as it is; what has records first is the answer.
 */
export async function dig(
  space: Space,
  pod: string,
  questions: DnsQuestion[],
  protocol: 'udp' | 'tcp',
): Promise<DnsAnswer[]> {
  const { stdout: conf } = await execIn(space, pod, 'cat /etc/resolv.conf');
  const search = /^search (.*)$/m.exec(conf)?.[1]?.split(' ') ?? [];
  const ndots = Number(/ndots:(\d+)/.exec(conf)?.[1] ?? 1);
  const tried = questions.map(({ name, type }) => {
    const isShort = name.split('.').length - 1 < ndots && !name.endsWith('.');
    const names = isShort ? [...search.map((domain) => `${name}.${domain}`), name] : [name];
    // What is nobody's in the cluster would be asked of servers outside.
    return names.filter((one) => one.endsWith('.local') || one.endsWith('.arpa')).map((one) => ({ name: one, type }));
  });
  const script = tried.flat().map(({ name, type }) => {
    const packet = { type: 'query' as const, id: 7, flags, questions: [{ name, type }], additionals: [extension] };
    const bytes = protocol === 'tcp' ? streamEncode(packet) : encode(packet);
    return `ask ${protocol} '${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`;
  });
  const { stdout, stderr } = await execIn(space, pod, [askScript, ...script].join('\n'));
  const lines = stdout.split('\n');
  assert.equal(lines.length, script.length + 1, stdout + stderr);
  return tried.map((names) => {
    const answers = names.map((): DnsAnswer => {
      const line = lines.shift()!;
      if (line === '') return { rcode: 'TIMEOUT', records: [] };
      const { rcode, answers: records } = decode(Buffer.from(line, 'base64')) as any;
      return { rcode, records: records.map(told) };
    });
    return answers.find(({ records }) => records.length > 0) ?? answers.at(-1)!;
  });
}

/** Asks over both protocols until every question has the records that `expected` has for it, in any order. */
export async function untilResolved(
  space: Space,
  pod: string,
  expected: [name: string, type: RecordType, records: string[]][],
): Promise<void> {
  for (const protocol of ['udp', 'tcp'] as const) {
    let last: DnsAnswer[] = [];
    const questions = expected.map(([name, type]) => ({ name, type }));
    try {
      await eventually(`names resolve over ${protocol}`, async () => {
        last = await dig(space, pod, questions, protocol);
        return expected.every(([, , records], index) => {
          return records.toSorted().join() === last[index]!.records.toSorted().join();
        });
      });
    } catch (err) {
      throw new Error(`${(err as Error).message}: ${JSON.stringify(last)}`, { cause: err });
    }
  }
}

type PortsOfPods = Record<string, number[]>;

function shown(ports: PortsOfPods): string {
  const entries = Object.entries(ports).map(([name, numbers]) => [name, numbers.toSorted((a, b) => a - b)]);
  return JSON.stringify(entries.toSorted());
}

function add(to: PortsOfPods, addresses: any[], ports: any[]): void {
  for (const { targetRef } of addresses) {
    const name = targetRef?.name ?? '';
    to[name] = [...(to[name] ?? []), ...ports.map(({ port }) => port)];
  }
}

/** Waits until Endpoints and EndpointSlices have exactly these ports of these pods; gives both back. */
export async function untilEndpoints(space: Space, service: string, expected: PortsOfPods) {
  const endpoints = await space.until(
    `Endpoints of ${shown(expected)}`,
    space.path('/api/v1', `endpoints/${service}`),
    ({ subsets = [] }) => {
      const found: PortsOfPods = {};
      for (const { addresses = [], ports = [] } of subsets) add(found, addresses, ports);
      return shown(found) === shown(expected);
    },
  );
  const slices = await space.until(`EndpointSlices of ${shown(expected)}`, slicesOf(space, service), ({ items }) => {
    const found: PortsOfPods = {};
    for (const { endpoints: all, ports } of items) add(found, all ?? [], ports ?? []);
    return items.length > 0 && shown(found) === shown(expected);
  });
  return { endpoints, slices: slices.items };
}

export const slicesOf = (space: Space, service: string): string =>
  space.path('/apis/discovery.k8s.io/v1', `endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${service}`);

export async function nodeAddress(space: Space): Promise<string> {
  const { status } = await space.get(`/api/v1/nodes/${space.node}`);
  return status.addresses.find((one: any) => one.type === 'InternalIP').address;
}
