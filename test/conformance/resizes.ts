// Resizes in place, there and back: what the API, the status and the kernel say of each step.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Space } from './cluster.ts';
import { create, exec, pod, podPath, remove, restricted, shell } from './node.ts';
import { conditionOf, isReady } from './objects.ts';

/** Requests and limits in millicores and mebibytes, and pieces of a resource that only the test knows. */
export interface Amounts {
  cpu?: number | undefined;
  memory?: number | undefined;
  cpuLimit?: number | undefined;
  memoryLimit?: number | undefined;
  pieces?: number | undefined;
}
export type Containers = Record<string, Amounts>;
export type Policy = 'NotRequired' | 'RestartContainer';

export interface How {
  isReversible?: boolean;
  /** Of cpu and of memory. */
  policies?: readonly [Policy, Policy];
  /** Which of the containers run beside the others from the beginning. */
  sidecars?: readonly string[];
}

export const pieces = 'dummy.com/dummy';
export const original = { cpu: 20, memory: 35, cpuLimit: 30, memoryLimit: 45 };
export const reduced = { cpu: 15, memory: 30, cpuLimit: 25, memoryLimit: 40 };
export const increased = { cpu: 25, memory: 40, cpuLimit: 35, memoryLimit: 50 };

/** Requests that are the limits; containers of a pod differ by `step`. */
export const guaranteed = (step: number, cpu: number, memory: number): Amounts => ({
  cpu: cpu + 2 * step,
  cpuLimit: cpu + 2 * step,
  memory: memory + 2 * step,
  memoryLimit: memory + 2 * step,
});

const list = (cpu?: number, memory?: number, more?: number) => ({
  ...(cpu === undefined ? {} : { cpu: `${cpu}m` }),
  ...(memory === undefined ? {} : { memory: `${memory}Mi` }),
  ...(more === undefined ? {} : { [pieces]: `${more}` }),
});

export function resourcesOf({ cpu, memory, cpuLimit, memoryLimit, pieces: more }: Amounts): any {
  const [requests, limits] = [list(cpu, memory, more), list(cpuLimit, memoryLimit, more)];
  return {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}

/** What has changed alone, as a client's two-way merge makes it. */
function patchOf(from: Containers, to: Containers, sidecars: readonly string[]): object {
  const changed = (before: any = {}, after: any = {}) =>
    Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const entries = Object.entries(to).map(([name, amounts]) => {
    const [before, after] = [resourcesOf(from[name]!), resourcesOf(amounts)];
    const [requests, limits] = [changed(before.requests, after.requests), changed(before.limits, after.limits)];
    return { name, resources: { requests, limits } };
  });
  const listed = (field: string, isIt: (name: string) => boolean) => {
    const containers = entries.filter(({ name }) => isIt(name));
    const order = { [`$setElementOrder/${field}`]: containers.map(({ name }) => ({ name })) };
    return containers.length > 0 ? { ...order, [field]: containers } : {};
  };
  const isSidecar = (name: string) => sidecars.includes(name);
  return { spec: { ...listed('containers', (name) => !isSidecar(name)), ...listed('initContainers', isSidecar) } };
}

const all = (object: any, ...fields: string[]): any[] => fields.flatMap((field) => object[field] ?? []);
export const specOf = ({ spec }: any) =>
  Object.fromEntries(all(spec, 'initContainers', 'containers').map((one) => [one.name, one.resources]));
const statusesOf = ({ status }: any) => all(status, 'initContainerStatuses', 'containerStatuses');
const statusOf = (one: any) => Object.fromEntries(statusesOf(one).map(({ name, resources }) => [name, resources]));
const restartsOf = (one: any): Record<string, number> =>
  Object.fromEntries(statusesOf(one).map(({ name, restartCount }) => [name, restartCount]));
export const wanted = (containers: Containers) =>
  Object.fromEntries(Object.entries(containers).map(([name, amounts]) => [name, resourcesOf(amounts)]));

/** The kernel has what was asked for, as the containers themselves see it. */
async function checkGroups(space: Space, name: string, containers: Containers): Promise<void> {
  const isV2 = (await exec(space, name, Object.keys(containers)[0]!, 'sh', '-c', 'mount -t cgroup2')) !== '';
  await Promise.all(
    Object.entries(containers).map(async ([container, { cpu, cpuLimit, memoryLimit }]) => {
      const shares = Math.max(2, Math.floor(((cpu ?? cpuLimit ?? 0) * 1024) / 1000));
      // The smallest quota is a millisecond; a runtime may round one up to ten millicores.
      const limits = cpuLimit ? [cpuLimit, Math.ceil(cpuLimit / 10) * 10] : [undefined];
      const quotas = limits.map((milli) => milli && Math.max(1_000, milli * 100));
      const memory = memoryLimit && memoryLimit * 1024 * 1024;
      const files: Record<string, (string | number)[]> = isV2
        ? {
            'cpu.weight': [1 + Math.floor(((shares - 2) * 9999) / 262142)],
            'cpu.max': quotas.map((quota) => `${quota ?? 'max'} 100000`),
            'memory.max': [memory ?? 'max'],
          }
        : {
            'cpu/cpu.shares': [shares],
            'cpu/cpu.cfs_quota_us': quotas.map((quota) => quota ?? -1),
            ...(memory ? { 'memory/memory.limit_in_bytes': [memory] } : {}),
          };
      for (const [file, values] of Object.entries(files)) {
        const value = (await exec(space, name, container, 'sh', '-c', `head -n 1 /sys/fs/cgroup/${file}`)).trim();
        assert.ok(values.map(String).includes(value), `${container} ${file}: ${value} is none of ${values}`);
      }
    }),
  );
}

/** The lowest score that root may give here: its own, where it may not take resources. */
function lowestOomScore(): number {
  const [, capabilities = '0'] = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const sysResource = 24n;
  const isFree = (BigInt(`0x${capabilities}`) >> sysResource) & 1n;
  return isFree ? -1000 : Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
}

/** One that was started anew is as likely to be killed for memory as it was. */
async function checkOomScore(space: Space, container: string, amounts: Amounts): Promise<void> {
  const { cpu, cpuLimit, memory = 0, memoryLimit } = amounts;
  const { status } = await space.get(`/api/v1/nodes/${space.node}`);
  const share = 1000 - Math.trunc((1000 * memory * 1024) / Number.parseInt(status.capacity.memory, 10));
  const isGuaranteed = memory === memoryLimit && cpu === cpuLimit;
  const expected = isGuaranteed ? Math.max(-997, lowestOomScore()) : Math.max(3, Math.min(999, share));
  assert.equal((await exec(space, 'resized', container, 'cat', '/proc/1/oom_score_adj')).trim(), `${expected}`);
}

/** Status, conditions, restarts and control groups are those of `containers`. */
export async function untilResized(space: Space, containers: Containers, restarts: object): Promise<any> {
  const isSettled = (one: any) => !conditionOf(one, 'PodResizePending') && !conditionOf(one, 'PodResizeInProgress');
  await space.until('the resize is done', podPath(space, 'resized'), (one) => {
    assert.notEqual(conditionOf(one, 'PodResizePending')?.reason, 'Infeasible');
    return isDeepStrictEqual(statusOf(one), wanted(containers)) && isSettled(one) && isReady(one);
  });
  const later = await space.get(podPath(space, 'resized'));
  assert.deepEqual(statusOf(later), wanted(containers));
  assert.ok(isSettled(later), JSON.stringify(later.status.conditions));
  assert.deepEqual(restartsOf(later), restarts);
  await checkGroups(space, 'resized', containers);
  return later;
}

/** Starts a pod with these containers, which is as they say. */
export async function startWith(space: Space, containers: Containers, how: How = {}): Promise<any> {
  const { policies, sidecars = [] } = how;
  const resizePolicy = ['cpu', 'memory'].map((resourceName, i) => ({ resourceName, restartPolicy: policies?.[i] }));
  const made = Object.entries(containers).map(([name, amounts]) =>
    shell('grep Cpus_allowed_list /proc/self/status | cut -f2 && sleep 1d', {
      name,
      resources: resourcesOf(amounts),
      securityContext: restricted,
      ...(policies ? { resizePolicy } : {}),
      ...(sidecars.includes(name) ? { restartPolicy: 'Always' } : {}),
    }),
  );
  const initContainers = made.filter(({ name }) => sidecars.includes(name));
  const others = made.filter(({ name }) => !sidecars.includes(name));
  const spec = { os: { name: 'linux' }, restartPolicy: 'OnFailure', terminationGracePeriodSeconds: 0, initContainers };
  const body = pod('resized', others, spec);
  await create(space, 'pods', body);
  const running = await space.until('the pod is ready', podPath(space, 'resized'), isReady);
  assert.deepEqual(specOf(running), wanted(containers));
  assert.deepEqual(statusOf(running), wanted(containers));
  for (const one of all(running.spec, 'containers', 'initContainers')) {
    if (policies) assert.deepEqual(one.resizePolicy, resizePolicy);
  }
  await checkGroups(space, 'resized', containers);
  return running;
}

/** Asks for other amounts by a patch, and waits until the pod has them. */
export async function resize(space: Space, from: Containers, to: Containers, how: How = {}): Promise<void> {
  const { policies = [], sidecars = [] } = how;
  const body = patchOf(from, to, sidecars);
  const patched = await space.ask('PATCH', podPath(space, 'resized', '/resize'), { body });
  assert.deepEqual(specOf(patched), wanted(to));
  const restarts = restartsOf(patched);
  for (const [name, { cpu, cpuLimit, memory, memoryLimit }] of Object.entries(to)) {
    const isChanged = [
      cpu !== from[name]!.cpu || cpuLimit !== from[name]!.cpuLimit,
      memory !== from[name]!.memory || memoryLimit !== from[name]!.memoryLimit,
    ];
    if (isChanged.some((one, i) => one && policies[i] === 'RestartContainer')) restarts[name]!++;
  }
  const resized = await untilResized(space, to, restarts);
  assert.equal(resized.status.observedGeneration, patched.metadata.generation);
  for (const [name, count] of Object.entries(restarts)) if (count > 0) await checkOomScore(space, name, to[name]!);
}

export async function thereAndBack(space: Space, from: Containers, to: Containers, how: How = {}): Promise<void> {
  await startWith(space, from, how);
  await resize(space, from, to, how);
  if (how.isReversible ?? true) await resize(space, to, from, how);
  await remove(space, 'resized');
}
