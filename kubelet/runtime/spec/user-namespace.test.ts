import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IDMapping, PodSandboxConfig } from '../../../proto/cri.gen.ts';
import { buildSandboxSpec } from './sandbox.ts';
import { checkIds, checkMountIds, idMappingsOf } from './user-namespace.ts';

const range = (host_id: number, length = 65_536, container_id = 0): IDMapping => ({ host_id, container_id, length });
const configOf = (userns_options: object | null, options: object = {}) =>
  ({
    linux: { sysctls: {}, security_context: { namespace_options: { userns_options, ...options } } },
  }) as unknown as PodSandboxConfig;
const podMode = (...mappings: IDMapping[]) => ({ mode: 'POD', uids: mappings, gids: mappings });

describe('idMappingsOf()', () => {
  test('a sandbox has the ids of the node unless it asks for its own', () => {
    for (const options of [null, { mode: 'NODE', uids: [], gids: [] }])
      assert.equal(idMappingsOf(configOf(options)), undefined);
    const mapped = range(131_072);
    assert.deepEqual(idMappingsOf(configOf(podMode(mapped))), { uids: mapped, gids: mapped });
  });
  const refused: [name: string, config: PodSandboxConfig, message: RegExp][] = [
    ['no mapping', configOf(podMode()), /only one uid mapping is supported, got 0/],
    ['two mappings', configOf(podMode(range(1000), range(200_000))), /only one uid mapping is supported, got 2/],
    ['two of groups', configOf({ ...podMode(range(65_536)), gids: [range(1), range(9)] }), /only one gid mapping/],
    ['no root inside', configOf(podMode(range(1000, 10, 1))), /must begin with 0/],
    ["the node's root", configOf(podMode(range(0))), /must not hold the root/],
    ['nothing', configOf(podMode(range(65_536, 0))), /no valid length: 0/],
    ['ids that are none', configOf(podMode(range(4_294_901_760))), /no valid length/],
    ["a container's own", configOf({ mode: 'CONTAINER', uids: [], gids: [] }), /mode: CONTAINER/],
    ["another container's", configOf({ mode: 'TARGET', uids: [], gids: [] }), /mode: TARGET/],
    ["the node's network", configOf(podMode(range(65_536)), { network: 'NODE' }), /with the network namespace/],
    ["the node's processes", configOf(podMode(range(65_536)), { pid: 'NODE' }), /with the pid namespace/],
  ];
  for (const [name, config, message] of refused)
    test(`${name} is refused`, () => assert.throws(() => idMappingsOf(config), message));
});

test('the pause process has the namespace of its sandbox', () => {
  const node = {
    cgroups: { version: 1, hugetlb: false, devices: [] },
    capabilities: [],
    minOomScoreAdj: 0,
    appArmor: { isEnabled: false, isLoaded: () => false },
  } as const;
  const build = (config: PodSandboxConfig) =>
    buildSandboxSpec({ config, hostname: 'h', rootfs: '/p', cgroupPath: '/c', node }).linux;
  const { namespaces, uidMappings, gidMappings } = build(configOf(podMode(range(65_536))));
  assert.deepEqual(namespaces[0], { type: 'user' });
  assert.deepEqual(uidMappings, [{ containerID: 0, hostID: 65_536, size: 65_536 }]);
  assert.deepEqual(gidMappings, uidMappings);
  const plain = build(configOf(null));
  assert.ok(!('uidMappings' in plain) && plain.namespaces.every(({ type }) => type !== 'user'));
});

test('who runs has ids of the namespace', () => {
  const ids = { uids: range(65_536), gids: range(65_536) };
  const user = { uid: 65_535, gid: 0, supplementalGroups: [0, 65_535] };
  checkIds(user, ids);
  assert.throws(() => checkIds({ ...user, uid: 65_536 }, ids), /user 65536 is not mapped/);
  assert.throws(() => checkIds({ ...user, gid: 70_000 }, ids), /group 70000 is not mapped/);
  assert.throws(() => checkIds({ ...user, supplementalGroups: [99_999] }, ids), /group 99999 is not mapped/);
});

test('a mount has the ids of its sandbox, or none', () => {
  const ids = { uids: range(65_536), gids: range(65_536) };
  const mount = (...mappings: IDMapping[]) => [{ container_path: '/v', uidMappings: mappings, gidMappings: mappings }];
  for (const given of [undefined, ids]) checkMountIds(mount(), given);
  checkMountIds(mount(range(65_536)), ids);
  const bad: [mappings: IDMapping[], of: typeof ids | undefined][] = [
    [[range(65_536)], undefined],
    [[range(131_072)], ids],
    [[range(65_536, 10)], ids],
    [[range(65_536), range(65_536)], ids],
  ];
  for (const [mappings, of] of bad)
    assert.throws(() => checkMountIds(mount(...mappings), of), /mount at "\/v" are not those of the sandbox/);
  const half = [{ container_path: '/v', uidMappings: [range(65_536)], gidMappings: [] }];
  assert.throws(() => checkMountIds(half, ids), /are not those/);
});
