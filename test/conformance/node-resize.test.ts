// What sig-node requires of resizes in place: status, restarts and control groups, there and back.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Space } from './cluster.ts';
import {
  conditionOf,
  exec,
  isReady,
  nodeRequirements,
  pod,
  podPath,
  remove,
  restricted,
  shell,
  start,
} from './node.ts';

/** Requests and limits in millicores and mebibytes. */
interface Amounts {
  cpu?: number;
  memory?: number;
  cpuLimit?: number;
  memoryLimit?: number;
}
type Containers = Record<string, Amounts>;

const original = { cpu: 20, memory: 35, cpuLimit: 30, memoryLimit: 45 };
const reduced = { cpu: 15, memory: 30 };
const increased = { cpu: 25, memory: 40, cpuLimit: 35, memoryLimit: 50 };

/** Requests that are the limits; containers of a pod differ by `step`. */
const guaranteed = (step: number, cpu: number, memory: number): Amounts => ({
  cpu: cpu + 2 * step,
  cpuLimit: cpu + 2 * step,
  memory: memory + 2 * step,
  memoryLimit: memory + 2 * step,
});

const list = (cpu?: number, memory?: number) => ({
  ...(cpu === undefined ? {} : { cpu: `${cpu}m` }),
  ...(memory === undefined ? {} : { memory: `${memory}Mi` }),
});

function resourcesOf({ cpu, memory, cpuLimit, memoryLimit }: Amounts): any {
  const [requests, limits] = [list(cpu, memory), list(cpuLimit, memoryLimit)];
  return {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}

/** What has changed alone, as a client's two-way merge makes it. */
function patchOf(from: Containers, to: Containers): object {
  const containers = Object.entries(to).map(([name, amounts]) => {
    const [before, after] = [resourcesOf(from[name]!), resourcesOf(amounts)];
    const changed = (part: 'requests' | 'limits') => {
      const entries = Object.entries(after[part] ?? {}).filter(([key, value]) => before[part]?.[key] !== value);
      return entries.length > 0 ? { [part]: Object.fromEntries(entries) } : {};
    };
    return { name, resources: { ...changed('requests'), ...changed('limits') } };
  });
  const $setElementOrder = Object.keys(to).map((name) => ({ name }));
  return { spec: { '$setElementOrder/containers': $setElementOrder, containers } };
}

const specOf = ({ spec }: any) => Object.fromEntries(spec.containers.map((one: any) => [one.name, one.resources]));
const statusOf = ({ status }: any) =>
  Object.fromEntries((status.containerStatuses ?? []).map((one: any) => [one.name, one.resources]));
const wanted = (containers: Containers) =>
  Object.fromEntries(Object.entries(containers).map(([name, amounts]) => [name, resourcesOf(amounts)]));

/** The kernel has what was asked for, as the container itself sees it. */
async function checkGroups(space: Space, name: string, containers: Containers): Promise<void> {
  const isV2 = (await exec(space, name, Object.keys(containers)[0]!, 'sh', '-c', 'mount -t cgroup2')) !== '';
  await Promise.all(
    Object.entries(containers).map(async ([container, { cpu, cpuLimit, memoryLimit }]) => {
      const shares = Math.max(2, Math.floor(((cpu ?? cpuLimit ?? 0) * 1024) / 1000));
      // The kernel's smallest quota is a millisecond; crun and runc may round a quota up to ten millicores.
      const quotas = [cpuLimit, cpuLimit && Math.ceil(cpuLimit / 10) * 10].map(
        (milli) => milli && Math.max(1, milli / 10) * 1000,
      );
      const expected: [string, (string | number)[]][] = isV2
        ? [
            ['cpu.weight', [1 + Math.floor(((shares - 2) * 9999) / 262142)]],
            ['cpu.max', quotas.map((quota) => `${quota ?? 'max'} 100000`)],
            ['memory.max', [memoryLimit ? memoryLimit << 20 : 'max']],
          ]
        : [
            ['cpu/cpu.shares', [shares]],
            ['cpu/cpu.cfs_quota_us', quotas.map((quota) => quota ?? -1)],
            ...(memoryLimit ? [['memory/memory.limit_in_bytes', [memoryLimit << 20]] as [string, number[]]] : []),
          ];
      for (const [file, values] of expected) {
        const value = (await exec(space, name, container, 'sh', '-c', `head -n 1 /sys/fs/cgroup/${file}`)).trim();
        assert.ok(values.map(String).includes(value), `${container} ${file}: ${value} is none of ${values}`);
      }
    }),
  );
}

/** Status, conditions, restarts and control groups are those of `containers`. */
async function untilResized(space: Space, name: string, containers: Containers): Promise<any> {
  const resized = await space.until('the resize is done', podPath(space, name), (one) => {
    assert.notEqual(conditionOf(one, 'PodResizePending')?.reason, 'Infeasible');
    return (
      isDeepStrictEqual(statusOf(one), wanted(containers)) &&
      !conditionOf(one, 'PodResizePending') &&
      !conditionOf(one, 'PodResizeInProgress') &&
      isReady(one)
    );
  });
  const later = await space.get(podPath(space, name));
  assert.deepEqual(statusOf(later), wanted(containers));
  assert.ok(!conditionOf(later, 'PodResizePending') && !conditionOf(later, 'PodResizeInProgress'));
  for (const { restartCount } of later.status.containerStatuses) assert.equal(restartCount, 0);
  await checkGroups(space, name, containers);
  return resized;
}

async function startWith(space: Space, containers: Containers): Promise<any> {
  const script = 'grep Cpus_allowed_list /proc/self/status | cut -f2 && sleep 1d';
  const all = Object.entries(containers).map(([name, amounts]) =>
    shell(script, { name, resources: resourcesOf(amounts), securityContext: restricted }),
  );
  const spec = { os: { name: 'linux' }, restartPolicy: 'OnFailure', terminationGracePeriodSeconds: 0 };
  const made = await start(space, pod('resized', all, spec));
  assert.deepEqual(specOf(made), wanted(containers));
  assert.deepEqual(statusOf(made), wanted(containers));
  for (const { resizePolicy } of made.spec.containers) {
    assert.deepEqual(
      resizePolicy?.map((one: any) => one.restartPolicy) ?? [],
      resizePolicy ? ['NotRequired', 'NotRequired'] : [],
    );
  }
  await checkGroups(space, 'resized', containers);
  return made;
}

async function resize(space: Space, from: Containers, to: Containers): Promise<void> {
  const patched = await space.ask('PATCH', podPath(space, 'resized', '/resize'), { body: patchOf(from, to) });
  assert.deepEqual(specOf(patched), wanted(to));
  const resized = await untilResized(space, 'resized', to);
  assert.equal(resized.status.observedGeneration, patched.metadata.generation);
}

async function thereAndBack(space: Space, from: Containers, to: Containers, isReversible = true): Promise<void> {
  await startWith(space, from);
  await resize(space, from, to);
  if (isReversible) await resize(space, to, from);
  await remove(space, 'resized');
}

const three = (...all: [number, number][]): Containers =>
  Object.fromEntries(all.map(([cpu, memory], index) => [`c${index + 1}`, guaranteed(index, cpu, memory)]));
const threeOriginal = three(...Array.from({ length: 3 }, (): [number, number] => [original.cpu, original.memory]));

nodeRequirements('conf-resize', ['busybox'], (requirement) => {
  requirement(
    'Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase [MinimumKubeletVersion:1.34]',
    (space) => {
      const up: [number, number] = [increased.cpu, increased.memory];
      return thereAndBack(space, threeOriginal, three(up, up, [reduced.cpu, reduced.memory]));
    },
    'restricted',
  );

  requirement(
    'Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2) [MinimumKubeletVersion:1.34]',
    (space) => {
      const to = three(
        [increased.cpu, original.memory],
        [reduced.cpu, increased.memory],
        [increased.cpu, increased.memory],
      );
      return thereAndBack(space, threeOriginal, to);
    },
    'restricted',
  );

  requirement(
    'Pod InPlace Resize Container burstable pods - extended 6 containers - various operations performed (including adding limits and requests) [MinimumKubeletVersion:1.34]',
    (space) => {
      const { cpu, memory } = original;
      const from = {
        c1: { cpu },
        c2: { memory },
        c3: { cpu, memory },
        c4: { cpu },
        c5: { memory },
        c6: { cpu, memory },
      };
      const to = {
        c1: { cpu: increased.cpu, cpuLimit: increased.cpuLimit },
        c2: { memory: reduced.memory, memoryLimit: increased.memoryLimit },
        c3: { cpu, memory: reduced.memory },
        c4: { cpu: reduced.cpu, memory },
        c5: { cpu, memory: increased.memory },
        c6: increased,
      };
      return thereAndBack(space, from, to, false);
    },
    'restricted',
  );

  requirement(
    'Pod InPlace Resize Container burstable pods - extended resize with equivalents [MinimumKubeletVersion:1.34]',
    (space) => thereAndBack(space, { c1: { cpu: 2, cpuLimit: 10 } }, { c1: { cpu: 1, cpuLimit: 5 } }),
    'restricted',
  );

  requirement(
    'Pod InPlace Resize Container resize pod via the replace endpoint [MinimumKubeletVersion:1.34]',
    async (space) => {
      const from = { c1: { cpu: original.cpu, memory: original.memory } };
      const to = { c1: { cpu: increased.cpu, memory: increased.memory } };
      assert.equal((await startWith(space, from)).metadata.generation, 1);
      const current = await space.get(podPath(space, 'resized'));
      current.spec.containers[0].resources = resourcesOf(to.c1);
      const path = podPath(space, 'resized', '/resize');
      await space.ask('PUT', path, { body: current });
      const replaced = await space.get(podPath(space, 'resized'));
      assert.deepEqual(specOf(replaced), wanted(to));
      assert.equal(replaced.metadata.generation, 2);
      await untilResized(space, 'resized', to);
      assert.deepEqual(await space.get(path), await space.get(podPath(space, 'resized')));
      assert.equal((await space.request('PUT', path, { body: current })).code, 409);
    },
    'restricted',
  );
});
