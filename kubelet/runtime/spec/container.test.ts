// The OCI spec of containers: what comes from the pod, what from the image, what from the node.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerConfig } from '../../../proto/cri.gen.ts';
import { buildCapabilities, defaultCapabilities, findUnknownCapability, parseCapabilityMask } from './capability.ts';
import { buildArgs, buildContainerSpec, buildNamespaces, type ContainerSpecInput } from './container.ts';
import { checkMount } from './mount.ts';
import { chooseStopSignal, signalName, signalNumber } from './signal.ts';

const image = {
  entrypoint: ['/entry'],
  cmd: ['a', 'b'],
  env: ['PATH=/image', 'X=1'],
  workingDir: '/w',
  user: '',
  stopSignal: '',
  labels: {},
};
const mount = {
  container_path: '/data',
  host_path: '/host',
  readonly: false,
  selinux_relabel: false,
  propagation: 'PROPAGATION_PRIVATE' as const,
  uidMappings: [],
  gidMappings: [],
  recursive_read_only: false,
  image: null,
  image_sub_path: '',
};
const config = {
  metadata: { name: 'c', attempt: 0 },
  image: null,
  command: [],
  args: [],
  working_dir: '',
  envs: [],
  mounts: [],
  devices: [],
  labels: {},
  annotations: {},
  log_path: '',
  stdin: false,
  stdin_once: false,
  tty: false,
  linux: null,
  CDI_devices: [],
  stop_signal: 'RUNTIME_DEFAULT',
} satisfies ContainerConfig;

const input: ContainerSpecInput = {
  config,
  image,
  user: { uid: 5, gid: 6, supplementalGroups: [6, 7], home: '/home/x' },
  hostname: 'pod',
  rootfs: '/rootfs',
  cgroupPath: '/kubepods/pod1/c1',
  files: { hostname: '/s/hostname', hosts: '/s/hosts', resolvConf: '/s/resolv.conf', shm: '/s/shm' },
  mounts: [],
  devices: [],
  namespaces: { user: null, network: '/proc/1/ns/net', uts: '/proc/1/ns/uts', ipc: '/proc/1/ns/ipc' },
  ids: undefined,
  seccomp: undefined,
  node: {
    cgroups: { version: 1, hugetlb: false, devices: [] },
    capabilities: defaultCapabilities,
    minOomScoreAdj: 0,
    appArmor: { isEnabled: true, isLoaded: () => true },
  },
};

describe('buildContainerSpec()', () => {
  test('takes environment, directory and command from the image, then from the pod', () => {
    const envs = [{ key: 'X', value: Buffer.from('2=3') }];
    const { process } = buildContainerSpec({ ...input, config: { ...config, envs, args: ['c'] } });
    assert.deepEqual(process.args, ['/entry', 'c']);
    assert.deepEqual(process.env, ['PATH=/image', 'HOSTNAME=pod', 'X=2=3', 'HOME=/home/x']);
    assert.equal(process.cwd, '/w');
    assert.equal(process.apparmorProfile, 'k8ts-default');
    assert.deepEqual(process.user, { uid: 5, gid: 6, additionalGids: [6, 7] });
  });

  test('clamps oom_score_adj to what the node may set', () => {
    const resources = { oom_score_adj: '-997', unified: {}, hugepage_limits: [] } as never;
    const spec = buildContainerSpec({ ...input, config: { ...config, linux: { resources, security_context: null } } });
    assert.equal(spec.process.oomScoreAdj, 0);
  });

  test("puts a pod's own mount in the place of a standard one, parents before children", () => {
    const wanted = ['/data/inner', '/etc/hosts', '/data'].map((container_path) => ({ ...mount, container_path }));
    const spec = buildContainerSpec({
      ...input,
      mounts: wanted.map((w) => ({ wanted: w, source: `/src${w.container_path}` })),
    });
    const own = spec.mounts.filter((m) => m.source.startsWith('/src')).map((m) => m.destination);
    assert.deepEqual(own, ['/data', '/data/inner', '/etc/hosts']);
    assert.equal(spec.mounts.filter((m) => m.destination === '/etc/hosts').length, 1);
  });

  test('shared memory holds no programs and no devices', () => {
    const { options } = buildContainerSpec(input).mounts.find((m) => m.destination === '/dev/shm')!;
    assert.deepEqual(options, ['bind', 'rprivate', 'rw', 'nosuid', 'noexec', 'nodev']);
  });

  test('the tmpfs above the hierarchies of version 1 is read-only, unless it is privileged or brings its own', () => {
    const remounted = (more: Partial<ContainerSpecInput>) =>
      buildContainerSpec({ ...input, ...more }).mounts.some((m) => m.options.includes('remount'));
    assert.ok(remounted({}));
    assert.ok(!remounted({ node: { ...input.node, cgroups: { ...input.node.cgroups, version: 2 } } }));
    assert.ok(!remounted({ mounts: [{ wanted: { ...mount, container_path: '/sys/fs/cgroup/' }, source: '/s' }] }));
    const linux = { resources: null, security_context: { privileged: true } as never };
    assert.ok(!remounted({ config: { ...config, linux } }));
  });

  test('propagation of a mount sets that of the root', () => {
    const wanted = { ...mount, propagation: 'PROPAGATION_BIDIRECTIONAL' as const };
    const spec = buildContainerSpec({ ...input, mounts: [{ wanted, source: '/src' }] });
    assert.equal(spec.linux.rootfsPropagation, 'rshared');
    assert.deepEqual(spec.mounts.at(-1)!.options, ['rbind', 'rshared', 'rw']);
  });
});

test('buildArgs() follows the rules of command and args', () => {
  const cases: [string[], string[], string[]][] = [
    [[], [], ['/entry', 'a', 'b']],
    [[], ['x'], ['/entry', 'x']],
    [['/cmd'], [], ['/cmd']],
    [['/cmd'], ['x'], ['/cmd', 'x']],
  ];
  for (const [command, args, expected] of cases) assert.deepEqual(buildArgs({ command, args }, image), expected);
  assert.throws(
    () => buildArgs({ command: [], args: [] }, { ...image, entrypoint: [], cmd: [] }),
    /no command specified/,
  );
});

test('buildNamespaces() joins, makes or leaves out', () => {
  assert.deepEqual(buildNamespaces({ user: null, network: null, ipc: '/p/ipc', uts: null }), [
    { type: 'ipc', path: '/p/ipc' },
    { type: 'pid' },
    { type: 'mount' },
    { type: 'cgroup' },
  ]);
});

describe('capabilities', () => {
  const available = [...defaultCapabilities, 'CAP_NET_ADMIN'];
  const build = (add: string[], drop: string[], privileged = false) =>
    buildCapabilities(
      { add_capabilities: add, drop_capabilities: drop, add_ambient_capabilities: [] },
      { privileged, available },
    ).effective;
  test('adds and drops, with and without prefix', () => {
    assert.ok(build(['net_admin'], []).includes('CAP_NET_ADMIN'));
    assert.deepEqual(build(['CAP_KILL'], ['ALL']), ['CAP_KILL']);
    assert.equal(build(['ALL'], []).length, available.length);
    assert.ok(!build(['ALL'], ['chown']).includes('CAP_CHOWN'));
  });
  test('gives nothing that the runtime lacks', () => assert.ok(!build(['SYS_ADMIN'], []).includes('CAP_SYS_ADMIN')));
  test('knows names and masks', () => {
    const wish = { add_capabilities: ['NOPE'], drop_capabilities: ['ALL'], add_ambient_capabilities: [] };
    assert.equal(findUnknownCapability(wish), 'NOPE');
    assert.deepEqual(parseCapabilityMask('21'), ['CAP_CHOWN', 'CAP_KILL']);
  });
});

describe('signals', () => {
  const cases: [string, number][] = [
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['SIGRTMINPLUS3', 37],
    ['SIGRTMAX', 64],
    ['SIGRTMAX-1', 63],
  ];
  for (const [text, number] of cases) test(`${text} is ${number}`, () => assert.equal(signalNumber(text), number));
  test('unknown ones are refused', () => assert.throws(() => signalNumber('SIGNOPE'), /unknown signal/));
  test("the pod's wins over the image's", () => {
    assert.equal(chooseStopSignal('SIGUSR1', 'SIGINT'), 10);
    assert.equal(chooseStopSignal('RUNTIME_DEFAULT', 'SIGINT'), 2);
    assert.equal(chooseStopSignal('RUNTIME_DEFAULT', ''), 15);
  });
  test('names come back', () =>
    assert.deepEqual([15, 37, 63].map(signalName), ['SIGTERM', 'SIGRTMINPLUS3', 'SIGRTMAXMINUS1']));
});

test('checkMount() finds what cannot be', () => {
  assert.equal(checkMount(mount), undefined);
  assert.match(checkMount({ ...mount, container_path: 'x' })!, /not absolute/);
  assert.match(checkMount({ ...mount, recursive_read_only: true })!, /needs readonly/);
});
