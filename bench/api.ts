// Load on the API server: what it does in a second, and what of its CPU a request costs, which moves less from run to
// run than the rate, for the machine's cores are shared with this client and with etcd. In JSON and protobuf, of custom
// resources, and with a policy that looks at each write; beside them the floors: an answer that is always the same over
// the same HTTP stack, and a write straight into etcd.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EtcdClient } from '../apiserver/storage/etcd-client.ts';
import { readKubeconfig } from '../client/config.ts';
import { type HttpRequest, Transport } from '../client/transport.ts';
import { realClock } from '../machinery/clock.ts';
import { type BenchCluster, cpuSeconds } from './cluster.ts';
import { inParallel, less, more, type Result } from './measure.ts';

const parallel = 16;
const listParallel = 4;
const protobuf = 'application/vnd.kubernetes.protobuf,application/json';
const merge = 'application/merge-patch+json';
const configMaps = '/api/v1/namespaces/default/configmaps';
const group = 'bench.k8ts.dev';
const widgets = `/apis/${group}/v1/namespaces/default/widgets`;
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const deadlineMs = 30_000;

interface Load {
  what: string;
  count: number;
  parallel?: number;
  request(i: number): HttpRequest;
}

const get = (path: string, accept?: string): HttpRequest => ({
  method: 'GET',
  path,
  ...(accept === undefined ? {} : { accept }),
});
const post = (path: string, object: unknown): HttpRequest => ({ method: 'POST', path, body: JSON.stringify(object) });
const configMap = (name: string) => ({ metadata: { name }, data: { text: 'x'.repeat(1024) } });
const widget = (name: string) => ({
  ...{ apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name } },
  spec: { size: 3, text: 'x'.repeat(1024) },
});

class Bench {
  readonly transport: Transport;
  readonly serverPid: number;

  constructor(cluster: BenchCluster) {
    this.transport = cluster.transport();
    this.serverPid = cluster.pids().get('apiserver')!;
  }

  async ask(request: HttpRequest): Promise<string> {
    const { status, body } = await this.transport.request(request);
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${body.slice(0, 300)}`);
    return body;
  }

  async run({ what, count, parallel: width = parallel, request }: Load): Promise<Result[]> {
    const cpuBefore = cpuSeconds(this.serverPid);
    const seconds = await inParallel(count, width, (i) => this.ask(request(i)));
    const cpuMs = ((cpuSeconds(this.serverPid) - cpuBefore) * 1000) / count;
    return [more(what, count / seconds, '/s'), less('  of the API server, each', cpuMs, 'ms CPU')];
  }

  /** Waits until asking fails, or no longer does. */
  async until(isRight: () => Promise<boolean>, what: string): Promise<void> {
    const endMs = realClock.monotonicMs() + deadlineMs;
    while (!(await isRight())) {
      if (realClock.monotonicMs() > endMs) throw new Error(`${what} has not come about`);
      await realClock.sleep(50);
    }
  }
}

/** `watchers` see each of `count` creates. */
async function watched(bench: Bench, watchers: number, count: number): Promise<Result[]> {
  const { metadata } = JSON.parse(await bench.ask(get(`${configMaps}?limit=1`)));
  const stop = new AbortController();
  let seen = 0;
  let whenAll = () => {};
  const all = new Promise<void>((resolve) => (whenAll = resolve));
  const path = `${configMaps}?watch=true&resourceVersion=${metadata.resourceVersion}`;
  for (let i = 0; i < watchers; i++) {
    bench.transport
      .stream({ ...get(path), signal: stop.signal }, () => {
        if (++seen === watchers * count) whenAll();
      })
      .catch(() => undefined);
  }
  const startMs = realClock.monotonicMs();
  await inParallel(count, parallel, (i) => bench.ask(post(configMaps, configMap(`watched-${i}`))));
  await all;
  const seconds = (realClock.monotonicMs() - startMs) / 1000;
  stop.abort();
  return [more(`deliveries to ${watchers} watchers`, (watchers * count) / seconds, '/s')];
}

async function defineWidgets(bench: Bench): Promise<void> {
  const spec = { type: 'object', properties: { size: { type: 'integer', maximum: 10 }, text: { type: 'string' } } };
  await bench.ask(
    post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `widgets.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind: 'Widget', plural: 'widgets' },
        versions: [
          {
            ...{ name: 'v1', served: true, storage: true },
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  spec: { ...spec, 'x-kubernetes-validations': [{ rule: 'self.size < 10 && self.text != "no"' }] },
                },
              },
            },
          },
        ],
      },
    }),
  );
  await bench.until(async () => (await bench.transport.request(get(widgets))).status === 200, 'the resource');
}

/** A policy that each write of a ConfigMap is held against; resolves when it is enforced. */
async function addPolicy(bench: Bench): Promise<void> {
  const metadata = { name: `rule.${group}` };
  const matchConstraints = {
    resourceRules: [
      { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
    ],
  };
  const validations = [{ expression: `!has(object.data) || object.data.all(k, object.data[k] != 'refused')` }];
  await bench.ask(post(policies, { metadata, spec: { matchConstraints, validations } }));
  const binding = { policyName: metadata.name, validationActions: ['Deny'] };
  await bench.ask(post(policies.replace('policies', 'policybindings'), { metadata, spec: binding }));
  const refused = { metadata: { name: 'refused' }, data: { a: 'refused' } };
  const isRefused = async () =>
    (await bench.transport.request(post(`${configMaps}?dryRun=All`, refused))).status === 422;
  await bench.until(isRefused, 'the policy');
}

async function loadForms(bench: Bench): Promise<Result[]> {
  const loads: Load[] = [
    {
      what: 'create ConfigMaps of 1 KiB',
      count: 2000,
      request: (i) => post(configMaps, configMap(`c-${i}`)),
    },
    { what: 'get', count: 8000, request: (i) => get(`${configMaps}/c-${i % 2000}`) },
    { what: 'get in protobuf', count: 8000, request: (i) => get(`${configMaps}/c-${i % 2000}`, protobuf) },
    { what: 'list of 2,000', count: 60, parallel: listParallel, request: () => get(configMaps) },
    { what: 'list of 2,000 in protobuf', count: 60, parallel: listParallel, request: () => get(configMaps, protobuf) },
    {
      what: 'merge patch',
      count: 2000,
      request: (i) => ({
        ...{ method: 'PATCH', path: `${configMaps}/c-${i}`, contentType: merge },
        body: JSON.stringify({ data: { n: String(i) } }),
      }),
    },
  ];
  const results: Result[] = [];
  for (const load of loads) results.push(...(await bench.run(load)));
  return results;
}

async function loadOthers(bench: Bench): Promise<Result[]> {
  await defineWidgets(bench);
  const results = [
    ...(await bench.run({
      what: 'create custom resources of 1 KiB',
      count: 2000,
      request: (i) => post(widgets, widget(`w-${i}`)),
    })),
    ...(await bench.run({
      what: 'get custom resources',
      count: 4000,
      request: (i) => get(`${widgets}/w-${i % 2000}`),
    })),
    ...(await watched(bench, 50, 300)),
  ];
  await addPolicy(bench);
  const request = (i: number) => post(configMaps, configMap(`p-${i}`));
  return [...results, ...(await bench.run({ what: 'create under a policy', count: 2000, request }))];
}

/** The value of a flag of a running process. */
function flagOf(pid: number, name: string): string {
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  const arg = args[at] ?? '';
  return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : (args[at + 1] ?? '');
}

async function rawEtcd(serverPid: number): Promise<Result> {
  const read = (flag: string) => readFileSync(flagOf(serverPid, flag));
  const tls = { ca: read('etcd-cafile'), cert: read('etcd-certfile'), key: read('etcd-keyfile') };
  const etcd = new EtcdClient({ servers: flagOf(serverPid, 'etcd-servers').split(','), tls }, realClock);
  const value = Buffer.alloc(1200, 0x20);
  const count = 2000;
  const seconds = await inParallel(count, parallel, (i) => etcd.put(`/bench/${i}`, value, 0));
  etcd.close();
  return more('floor: writes into etcd', count / seconds, '/s');
}

async function staticAnswers(cluster: BenchCluster, serverPid: number): Promise<Result> {
  const pki = dirname(flagOf(serverPid, 'client-ca-file'));
  const file = join(import.meta.dirname, 'static-server.ts');
  const server: ChildProcess = spawn(process.execPath, [file, pki], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(server.stdout!, 'data', { signal: AbortSignal.timeout(deadlineMs) });
    const config = { ...readKubeconfig(cluster.kubeconfig), server: `https://127.0.0.1:${String(line).trim()}` };
    const transport = new Transport(config, { userAgent: 'k8ts-bench', clock: realClock });
    const count = 8000;
    const seconds = await inParallel(count, parallel, () => transport.request(get('/')));
    transport.close();
    return more('floor: the same answer over the same HTTP', count / seconds, '/s');
  } finally {
    server.kill('SIGKILL');
  }
}

export async function loadApi(cluster: BenchCluster): Promise<Result[]> {
  const bench = new Bench(cluster);
  const results = [...(await loadForms(bench)), ...(await loadOthers(bench))];
  bench.transport.close();
  const answers = await staticAnswers(cluster, bench.serverPid);
  const writes = await rawEtcd(bench.serverPid);
  const rateOf = (what: string) => results.find((r) => r.what === what)!.value;
  return [
    ...results,
    answers,
    more('  get, of that', rateOf('get') / answers.value, 'x'),
    writes,
    more('  create, of that', rateOf('create ConfigMaps of 1 KiB') / writes.value, 'x'),
  ];
}
