// What sig-node requires of resizes in place: status, restarts and control groups, there and back.
import assert from 'node:assert/strict';
import { nodeRequirements, podPath, shell } from './node.ts';
import { conditionOf } from './objects.ts';
import {
  type Amounts,
  type Containers,
  guaranteed,
  increased,
  original,
  type Policy,
  pieces,
  reduced,
  resize,
  resourcesOf,
  specOf,
  startWith,
  thereAndBack,
  untilResized,
  wanted,
} from './resizes.ts';

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
        c6: { ...increased },
      };
      return thereAndBack(space, from, to, { isReversible: false });
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
      await untilResized(space, to, { c1: 0 });
      assert.deepEqual(await space.get(path), await space.get(podPath(space, 'resized')));
      assert.equal((await space.request('PUT', path, { body: current })).code, 409);
    },
    'restricted',
  );

  requirement(
    'Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease [MinimumKubeletVersion:1.34]',
    (space) => {
      const down: [number, number] = [reduced.cpu, reduced.memory];
      return thereAndBack(space, threeOriginal, three([increased.cpu, increased.memory], down, down));
    },
    'restricted',
  );

  // What follows belongs to the same suite, though it is not of the programme.
  const policies: [string, Policy, Policy][] = [
    ['no restart', 'NotRequired', 'NotRequired'],
    ['mem restart', 'NotRequired', 'RestartContainer'],
    ['cpu restart', 'RestartContainer', 'NotRequired'],
    ['cpu & mem restart', 'RestartContainer', 'RestartContainer'],
  ];
  const aims: [string, number, number][] = [
    ['cpu', increased.cpu, original.memory],
    ['mem', original.cpu, increased.memory],
    ['cpu & mem in the same direction', increased.cpu, increased.memory],
    ['cpu & mem in opposite directions', increased.cpu, reduced.memory],
  ];
  const withSidecar = (cpu: number, memory: number, sidecar: Amounts) => ({
    c1: { ...guaranteed(0, cpu, memory), pieces: 1 },
    'c1-init': sidecar,
  });
  for (const [policy, ...both] of policies) {
    for (const [what, cpu, memory] of aims) {
      const hasOther = policy === 'no restart' || policy === 'cpu & mem restart';
      requirement(
        `Pod InPlace Resize Container guaranteed qos - 1 container with resize policy ${policy} resizing ${what}`,
        async (space) => {
          const path = `/api/v1/nodes/${space.node}/status`;
          await space.ask('PATCH', path, {
            body: { status: { capacity: { [pieces]: '123' }, allocatable: { [pieces]: '123' } } },
          });
          const start = guaranteed(0, original.cpu, original.memory);
          const sidecar = hasOther ? guaranteed(0, cpu, memory) : start;
          const from = withSidecar(original.cpu, original.memory, start);
          const how = { policies: both, sidecars: ['c1-init'] };
          await thereAndBack(space, from, withSidecar(cpu, memory, sidecar), how);
        },
        'restricted',
      );
    }
    const { cpu, cpuLimit, memory, memoryLimit } = original;
    const changes: Record<string, Amounts> = {
      'cpu requests': { cpu: increased.cpu },
      'cpu limits': { cpuLimit: increased.cpuLimit },
      'mem requests': { memory: increased.memory },
      'mem limits': { memoryLimit: increased.memoryLimit },
      'all resources in the same direction': increased,
      'cpu & mem in opposite directions': { ...increased, memory: reduced.memory, memoryLimit: reduced.memoryLimit },
      'requests & limits in opposite directions': {
        cpu: reduced.cpu,
        cpuLimit: increased.cpuLimit,
        memory: increased.memory,
        memoryLimit: reduced.memoryLimit,
      },
    };
    for (const [what, change] of Object.entries(changes)) {
      requirement(
        `Pod InPlace Resize Container burstable pods - 1 container with all requests & limits set and resize policy ${policy} resizing ${what}`,
        (space) => {
          const c1 = { cpu, cpuLimit, memory, memoryLimit };
          return thereAndBack(space, { c1 }, { c1: { ...c1, ...change } }, { policies: both });
        },
        'restricted',
      );
    }
  }

  requirement(
    'Pod InPlace Resize Container decrease memory limit below usage',
    async (space) => {
      const of = (memory: number) => ({ c1: { memory, memoryLimit: memory } });
      await startWith(space, of(original.memory));
      await resize(space, of(original.memory), of(reduced.memory));
      const tiny = { requests: { memory: '10Ki' }, limits: { memory: '10Ki' } };
      const path = podPath(space, 'resized', '/resize');
      const body = { spec: { containers: [{ name: 'c1', resources: tiny }] } };
      await space.ask('PATCH', path, { body });
      const stuck = await space.until('it is said why not', podPath(space, 'resized'), (one) => {
        assert.notDeepEqual(one.status.containerStatuses[0].resources, tiny);
        return conditionOf(one, 'PodResizeInProgress')?.reason === 'Error';
      });
      assert.match(conditionOf(stuck, 'PodResizeInProgress').message, /memory limit \(\d+\) below current usage/);
      assert.equal(conditionOf(stuck, 'PodResizePending'), undefined);
      assert.deepEqual(stuck.status.containerStatuses[0].resources, resourcesOf(of(reduced.memory).c1));
      const back = { spec: { containers: [{ name: 'c1', resources: resourcesOf(of(original.memory).c1) }] } };
      assert.deepEqual(specOf(await space.ask('PATCH', path, { body: back })), wanted(of(original.memory)));
      await untilResized(space, of(original.memory), { c1: 0 });
    },
    'restricted',
  );

  const { cpu, memory } = original;
  const full = { cpu, memory, cpuLimit: cpu, memoryLimit: memory };
  const qos = /Pod QOS Class may not change as a result of resizing/;
  const noLimits = /resource limits cannot be removed/;
  const noRequests = /resource requests cannot be removed/;
  const names =
    /containers\[0\]\.name: Forbidden: containers may not be renamed or reordered on resize, spec\.containers\[1\]\.name: Forbidden: containers may not be renamed or reordered on resize/;
  const c1 = (resources: object) => ({ containers: [{ name: 'c1', resources }] });
  const two = ['c1', 'c2'].map((name) => ({ name }));
  const refusals: Record<string, [Containers, object, RegExp]> = {
    'BestEffort pod - request memory': [{ c1: {} }, c1({ requests: { memory: '35Mi' } }), qos],
    'BestEffort pod - request cpu': [{ c1: {} }, c1({ requests: { cpu: '20m' } }), qos],
    'Guaranteed pod - remove cpu & memory limits': [{ c1: full }, c1({ limits: null }), noLimits],
    'Burstable pod - remove cpu & memory limits + increase requests': [
      { c1: { ...full, cpuLimit: 35, memoryLimit: 50 } },
      c1({ limits: null, requests: { cpu: '25m', memory: '40Mi' } }),
      noLimits,
    ],
    'Burstable pod - remove memory requests': [{ c1: { memory } }, c1({ requests: null }), noRequests],
    'Burstable pod - remove cpu requests': [{ c1: { cpu } }, c1({ requests: null }), noRequests],
    'Burstable pod - reorder containers': [
      { c1: { cpu }, c2: { cpu } },
      { '$setElementOrder/containers': two.toReversed(), containers: two.toReversed() },
      names,
    ],
    'Guaranteed pod - rename containers': [
      { c1: full, c2: full },
      {
        '$setElementOrder/containers': [{ name: 'c3' }, { name: 'c4' }],
        containers: [
          ...['c3', 'c4'].map((name) => shell('sleep 1d', { name, resources: resourcesOf(full) })),
          ...two.map((one) => ({ ...one, $patch: 'delete' })),
        ],
      },
      names,
    ],
    'Burstable pod - set requests == limits': [
      { c1: { ...full, cpuLimit: 35, memoryLimit: 50 } },
      c1({ requests: { cpu: '35m', memory: '50Mi' } }),
      qos,
    ],
    'Burstable pod - resize ephemeral storage': [
      { c1: { cpu, memory } },
      c1({ requests: { 'ephemeral-storage': '3' } }),
      /only cpu and memory resources are mutable/,
    ],
  };
  for (const [what, [containers, spec, expected]] of Object.entries(refusals)) {
    requirement(
      `Pod InPlace Resize Container apply invalid resize patch requests ${what}`,
      async (space) => {
        await startWith(space, containers);
        const { code, body } = await space.request('PATCH', podPath(space, 'resized', '/resize'), { body: { spec } });
        assert.equal(code, 422);
        assert.match(body.message, expected);
        await untilResized(space, containers, Object.fromEntries(Object.keys(containers).map((name) => [name, 0])));
      },
      'restricted',
    );
  }
});
