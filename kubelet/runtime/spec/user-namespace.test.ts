import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IDMapping, PodSandboxConfig } from '../../../proto/cri.gen.ts';
import { buildSandboxSpec } from './sandbox.ts';
import { checkContainerIds, checkIds, idMappingsOf } from './user-namespace.ts';

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
  const few = buildSandboxSpec({
    config: configOf(podMode(range(1000, 10))),
    hostname: 'h',
    rootfs: '/',
    cgroupPath: '/c',
    node,
  });
  assert.deepEqual(few.process.user, { uid: 9, gid: 9 });
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

describe('the ids of a container', () => {
  const ids = { uids: range(65_536), gids: range(65_536) };
  const withMount = (uidMappings: IDMapping[], gidMappings = uidMappings) => ({
    linux: null,
    mounts: [{ container_path: '/v', uidMappings, gidMappings }],
  });
  const withUsers = (options: object | null) => ({ ...configOf(options), mounts: [] });

  test('a mount has those of its sandbox, or none', () => {
    for (const given of [undefined, ids]) checkContainerIds(withMount([]), given);
    checkContainerIds(withMount([range(65_536)]), ids);
    const bad: [config: ReturnType<typeof withMount>, of: typeof ids | undefined][] = [
      [withMount([range(65_536)]), undefined],
      [withMount([range(131_072)]), ids],
      [withMount([range(65_536, 10)]), ids],
      [withMount([range(65_536), range(65_536)]), ids],
      [withMount([range(65_536)], []), ids],
    ];
    for (const [config, of] of bad)
      assert.throws(() => checkContainerIds(config, of), /mount at "\/v" are not those of the sandbox/);
  });

  test('what it says of its own is what the sandbox has', () => {
    const node = { mode: 'NODE', uids: [], gids: [] };
    for (const given of [undefined, ids]) checkContainerIds(withUsers(null), given);
    checkContainerIds(withUsers(node), undefined);
    checkContainerIds(withUsers(podMode(range(65_536))), ids);
    const bad: [options: object, of: typeof ids | undefined][] = [
      [node, ids],
      [podMode(range(65_536)), undefined],
      [podMode(range(131_072)), ids],
    ];
    for (const [options, of] of bad)
      assert.throws(() => checkContainerIds(withUsers(options), of), /is not that of the sandbox/);
  });
});
