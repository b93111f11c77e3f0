// Many CustomResourceDefinitions at once: what each costs in memory, how long until all are served and published, and
// what requests to other kinds cost afterwards.

import type { Transport } from '../client/transport.ts';
import { realClock } from '../machinery/clock.ts';
import { anonymousMib, type BenchCluster, cpuSeconds } from './cluster.ts';
import { inParallel, less, more, type Result } from './measure.ts';

const definitionCount = 500;
const requestCount = 5_000;
const warmUpCount = 2_000;
const parallel = 16;
const deadlineMs = 300_000;
const restMs = 60_000;
const group = (i: number) => `g${i % 25}.bench.k8ts.test`;
const apis = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const configMaps = '/api/v1/namespaces/default/configmaps';

/** A schema of about `fields` fields, two levels deep, with the texts that generated ones have. */
function schemaOf(fields: number): object {
  const doc = (what: string) => `${what} says how this part of the application is to be run; see the manual for more.`;
  const leaf = (i: number): object => {
    const description = doc(`field${i}`);
    if (i % 7 === 0) return { type: 'integer', format: 'int32', minimum: 0, maximum: 100_000, description };
    if (i % 7 === 1) return { type: 'boolean', default: false, description };
    if (i % 7 === 2) return { type: 'array', items: { type: 'string' }, maxItems: 64, description };
    if (i % 7 === 3) return { 'x-kubernetes-int-or-string': true, description };
    return { type: 'string', maxLength: 253, description };
  };
  const perPart = 15;
  const part = (p: number) => ({
    type: 'object',
    description: doc(`part${p}`),
    properties: Object.fromEntries(Array.from({ length: perPart }, (_, i) => [`field${i}`, leaf(i)])),
    ...(p % 5 === 0 ? { 'x-kubernetes-validations': [{ rule: 'self.field0 >= 0', message: 'not negative' }] } : {}),
  });
  const parts = Object.fromEntries(Array.from({ length: fields / perPart }, (_, p) => [`part${p}`, part(p)]));
  const status = { type: 'object', properties: { phase: { type: 'string' }, replicas: { type: 'integer' } } };
  return { type: 'object', properties: { spec: { type: 'object', properties: parts }, status } };
}

export function definitionOf(i: number): object {
  const [plural, kind] = [`widget${i}s`, `Widget${i}`];
  const version = { name: 'v1', served: true, storage: true, subresources: { status: {} } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group(i)}` },
    spec: {
      group: group(i),
      scope: 'Namespaced',
      names: { plural, singular: `widget${i}`, kind, listKind: `${kind}List` },
      versions: [{ ...version, schema: { openAPIV3Schema: schemaOf(300) } }],
    },
  };
}

/** What writes and reads of ConfigMaps cost now. */
async function costOf(transport: Transport, pid: number, when: string): Promise<Result[]> {
  const timed = async (verb: string, act: (i: number) => Promise<{ status: number }>): Promise<Result[]> => {
    // What was not called for a while is compiled anew.
    await inParallel(warmUpCount, parallel, (i) => act(requestCount + i));
    const startCpu = cpuSeconds(pid);
    const seconds = await inParallel(requestCount, parallel, async (i) => {
      const { status } = await act(i);
      if (status >= 300) throw new Error(`${verb} of a ConfigMap answered ${status}`);
    });
    return [
      more(`${verb} ConfigMap, ${when}`, requestCount / seconds, '/s'),
      less(`  CPU of the API server`, (1e6 * (cpuSeconds(pid) - startCpu)) / requestCount, 'µs'),
    ];
  };
  const body = (i: number) => JSON.stringify({ metadata: { name: `crds-${i}` }, data: { text: 'x'.repeat(1024) } });
  const create = (i: number) =>
    transport.request({ method: 'POST', path: configMaps, body: body(i), contentType: 'application/json' });
  const results = [
    ...(await timed('create', create)),
    ...(await timed('get', (i) => transport.request({ method: 'GET', path: `${configMaps}/crds-${i}` }))),
  ];
  await transport.request({ method: 'DELETE', path: configMaps });
  return results;
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const startMs = realClock.monotonicMs();
  while (!(await check())) {
    if (realClock.monotonicMs() - startMs > deadlineMs) throw new Error(`not in time: ${what}`);
    await realClock.sleep(100);
  }
}

type Read = (path: string, accept?: string) => Promise<any>;

const isEstablished = ({ status }: any) =>
  status?.conditions?.some((one: any) => one.type === 'Established' && one.status === 'True') === true;

/** Creates the definitions; tells when the last of them was created, established, discovered and published. */
async function define(transport: Transport, read: Read): Promise<Result[]> {
  const startMs = realClock.monotonicMs();
  const results: Result[] = [];
  const note = (what: string) => results.push(less(what, (realClock.monotonicMs() - startMs) / 1000, 's'));
  await inParallel(definitionCount, parallel, async (i) => {
    const body = JSON.stringify(definitionOf(i));
    const { status } = await transport.request({ method: 'POST', path: apis, body, contentType: 'application/json' });
    if (status !== 201) throw new Error(`a definition was answered with ${status}`);
  });
  note(`${definitionCount} definitions created`);
  await until('all are established', async () => (await read(apis)).items.every(isEstablished));
  note('  ... and all Established');
  const count = (groups: any[]) => groups.filter(({ name }) => name.endsWith('.bench.k8ts.test')).length;
  await until('all are discovered', async () => count((await read('/apis')).groups) === 25);
  note('  ... and in discovery');
  const lastPath = `apis/${group(definitionCount - 1)}/v1`;
  await until('all are published', async () => {
    const { paths } = await read('/openapi/v3');
    if (!paths[lastPath]) return false;
    const { components } = await read(paths[lastPath].serverRelativeURL);
    return Object.keys(components.schemas).some((name) => name.endsWith(`.Widget${definitionCount - 1}`));
  });
  note('  ... and in OpenAPI v3');
  return results;
}

/** Measures the API server of process `pid`. */
export async function measureDefinitions(transport: Transport, pid: number): Promise<Result[]> {
  const read: Read = async (path, accept) => {
    const answer = await transport.request({
      method: 'GET',
      path,
      ...(accept ? { accept } : {}),
      timeoutMs: deadlineMs,
    });
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}`);
    return JSON.parse(answer.body);
  };
  const before = await costOf(transport, pid, 'no definitions');
  await read('/openapi/v3');
  await realClock.sleep(restMs);
  const [memoryBefore, cpuBefore] = [anonymousMib(pid), cpuSeconds(pid)];
  const times = await define(transport, read);
  const cpu = (1000 * (cpuSeconds(pid) - cpuBefore)) / definitionCount;
  const peak = anonymousMib(pid);
  await realClock.sleep(restMs);
  const each = (mib: number) => (1024 * (mib - memoryBefore)) / definitionCount;
  const memory = [
    less('memory a definition, at once', each(peak), 'KiB'),
    less('memory a definition, at rest', each(anonymousMib(pid)), 'KiB', 100),
    less('CPU a definition', cpu, 'ms'),
  ];
  return [...times, ...memory, ...before, ...(await costOf(transport, pid, `${definitionCount} definitions`))];
}

export async function measureCrds(cluster: BenchCluster): Promise<Result[]> {
  const transport = cluster.transport();
  try {
    return await measureDefinitions(transport, cluster.pids().get('apiserver')!);
  } finally {
    transport.close();
  }
}
