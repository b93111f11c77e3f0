// What sig-node requires of what a container finds: its environment, its command, who it runs as and what it may do.
import assert from 'node:assert/strict';
import { busyboxLayer } from '../integration/runtime/image-archive.ts';
import type { Space } from './cluster.ts';
import {
  create,
  exec,
  logOf,
  nodeRequirements,
  outputOf,
  pod,
  podPath,
  prints,
  remove,
  shell,
  start,
  stays,
} from './node.ts';
import { loadImage } from './node-images.ts';
import { isReady, update } from './objects.ts';

const numbers = ['1', '2', '3'];
const pairs = (prefix = '') => numbers.map((n) => `${prefix}data-${n}=value-${n}`);
const values = (end = '') => Object.fromEntries(numbers.map((n) => [`data-${n}`, `value-${n}${end}`]));
const makeConfigMap = (space: Space) => create(space, 'configmaps', { metadata: { name: 'source' }, data: values() });
/** The values of the secret end their lines. */
const makeSecret = (space: Space) =>
  create(space, 'secrets', { metadata: { name: 'source' }, stringData: values('\n') });
const printsEnv = (env: object[], more: object = {}) => pod('env', shell('env', { env, ...more }));
const field = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
const amounts = (...resources: string[]) =>
  resources.map((resource) => ({
    name: resource.replace(/(.*)s\.(.*)/, '$2_$1').toUpperCase(),
    valueFrom: { resourceFieldRef: { resource } },
  }));
const address = String.raw`(?:\d+\.){3}\d+`;

nodeRequirements('conf-environment', ['busybox'], (requirement) => {
  requirement('ConfigMap should be consumable via environment variable [NodeConformance]', async (space) => {
    await makeConfigMap(space);
    const from = (key: string, more: object = {}) => ({ configMapKeyRef: { name: 'source', key, ...more } });
    const env = [
      { name: 'CONFIG_DATA_1', valueFrom: from('data-1') },
      { name: 'CONFIG_DATA_9', valueFrom: from('data-9', { optional: true }) },
    ];
    const output = await outputOf(space, printsEnv(env));
    assert.ok(output.split('\n').includes('CONFIG_DATA_1=value-1'), output);
    assert.doesNotMatch(output, /CONFIG_DATA_9/);
  });

  requirement('ConfigMap should be consumable via the environment [NodeConformance]', async (space) => {
    await makeConfigMap(space);
    const configMapRef = { name: 'source' };
    const envFrom = [{ configMapRef }, { prefix: 'p-', configMapRef }];
    await prints(space, printsEnv([], { envFrom }), ...pairs(), ...pairs('p-'));
  });

  requirement('Secrets should be consumable via the environment [NodeConformance]', async (space) => {
    await makeSecret(space);
    const secretRef = { name: 'source' };
    const one = { name: 'SECRET_DATA', valueFrom: { secretKeyRef: { name: 'source', key: 'data-1' } } };
    const envFrom = [{ secretRef }, { prefix: 'p-', secretRef }];
    await prints(space, printsEnv([one], { envFrom }), 'SECRET_DATA=value-1', ...pairs(), ...pairs('p-'));
  });

  requirement(
    'Secrets should be consumable as environment variable names variable names with various prefixes',
    async (space) => {
      await makeSecret(space);
      const secretRef = { name: 'source' };
      const envFrom = ['1-', '$_-', 'ABC_', '#@!'].map((prefix) => ({ prefix, secretRef }));
      await prints(
        space,
        printsEnv([], { envFrom: [{ secretRef }, ...envFrom] }),
        ...['', '1-', '$_-', 'ABC_', '#@!'].flatMap(pairs),
      );
      const body = printsEnv([], { envFrom: [{ prefix: 'a=', secretRef }] });
      assert.equal((await space.request('POST', space.path('/api/v1', 'pods'), { body })).code, 422);
    },
  );

  const commands = {
    "Containers should be able to override the image's default arguments (container cmd) [NodeConformance]": [
      { args: ['override', 'arguments'] },
      'entrypoint override arguments',
    ],
    "Containers should be able to override the image's default command (container entrypoint) [NodeConformance]": [
      { command: ['echo', 'entrypoint-2'] },
      'entrypoint-2',
    ],
    "Containers should be able to override the image's default command and arguments [NodeConformance]": [
      { command: ['echo', 'entrypoint-2'], args: ['override', 'arguments'] },
      'entrypoint-2 override arguments',
    ],
  } as const;
  for (const [name, [over, expected]] of Object.entries(commands)) {
    requirement(name, async (space) => {
      const image = 'registry.example/entrypoint:1';
      await loadImage(space, {
        name: image,
        layers: [busyboxLayer()],
        config: { Entrypoint: ['echo', 'entrypoint'], Cmd: ['default'], Env: ['PATH=/bin'] },
      });
      assert.equal(await outputOf(space, pod('command', { name: 'main', image, ...over })), `${expected}\n`);
      assert.equal(await outputOf(space, pod('default', { name: 'main', image })), 'entrypoint default\n');
    });
  }

  requirement(
    "Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars [NodeConformance]",
    async (space) => {
      const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
      const env = amounts('limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory');
      const wanted = ['CPU_LIMIT=2', 'MEMORY_LIMIT=67108864', 'CPU_REQUEST=1', 'MEMORY_REQUEST=33554432'];
      await prints(space, printsEnv(env, { resources }), ...wanted);
    },
  );

  requirement(
    'Downward API should provide default limits.cpu/memory from node allocatable [NodeConformance]',
    async (space) => {
      const { allocatable } = (await space.get(`/api/v1/nodes/${space.node}`)).status;
      const bytes = Number.parseInt(allocatable.memory, 10) * (allocatable.memory.endsWith('Ki') ? 1024 : 1);
      const cpus = Math.ceil(Number.parseInt(allocatable.cpu, 10) / (allocatable.cpu.endsWith('m') ? 1000 : 1));
      const env = amounts('limits.cpu', 'limits.memory');
      await prints(space, printsEnv(env), `CPU_LIMIT=${cpus}`, `MEMORY_LIMIT=${bytes}`);
    },
  );

  /** The downward API tells what the status says. */
  const downward = async (space: Space, env: object[], wanted: (pod: any) => string[]) => {
    const output = await outputOf(space, printsEnv(env));
    const lines = output.split('\n');
    for (const line of wanted(await space.get(podPath(space, 'env')))) assert.ok(lines.includes(line), output);
    return output;
  };

  requirement('Downward API should provide host IP as an env var [NodeConformance]', async (space) => {
    const env = [field('HOST_IP', 'status.hostIP')];
    const output = await downward(space, env, ({ status }) => [`HOST_IP=${status.hostIP}`]);
    assert.match(output, new RegExp(`^HOST_IP=${address}$`, 'm'));
  });

  requirement('Downward API should provide hostIPs as an env var [NodeConformance]', async (space) => {
    const env = [field('HOST_IPS', 'status.hostIPs')];
    const output = await downward(space, env, ({ status }) => [
      `HOST_IPS=${status.hostIPs.map(({ ip }: { ip: string }) => ip).join()}`,
    ]);
    assert.match(output, new RegExp(`^HOST_IPS=${address}(?:,${address})*$`, 'm'));
  });

  requirement('Downward API should provide pod UID as env vars [NodeConformance]', async (space) => {
    const output = await downward(space, [field('POD_UID', 'metadata.uid')], ({ metadata }) => [
      `POD_UID=${metadata.uid}`,
    ]);
    assert.match(output, /^POD_UID=[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}$/m);
  });

  requirement(
    'Downward API should provide pod name, namespace and IP address as env vars [NodeConformance]',
    async (space) => {
      const env = [
        field('POD_NAME', 'metadata.name'),
        field('POD_NAMESPACE', 'metadata.namespace'),
        field('POD_IP', 'status.podIP'),
      ];
      const output = await downward(space, env, ({ metadata, status }) => [
        `POD_NAME=${metadata.name}`,
        `POD_NAMESPACE=${space.namespace}`,
        ...(status.podIP ? [`POD_IP=${status.podIP}`] : []),
      ]);
      assert.match(output, new RegExp(`^POD_IP=${address}$`, 'm'));
    },
  );

  requirement('Variable Expansion should allow composing env vars into new env vars [NodeConformance]', (space) => {
    const env = [
      { name: 'FOO', value: 'foo-value' },
      { name: 'BAR', value: 'bar-value' },
      { name: 'FOOBAR', value: '$(FOO);;$(BAR)' },
      { name: 'ODD', value: '$$(FOO) $(NOBODY) $(LATER)' },
      { name: 'LATER', value: 'later' },
    ];
    const wanted = ['FOO=foo-value', 'BAR=bar-value', 'FOOBAR=foo-value;;bar-value'];
    return prints(space, printsEnv(env), ...wanted, 'ODD=$(FOO) $(NOBODY) $(LATER)');
  });

  requirement(
    "Variable Expansion should allow substituting values in a container's command [NodeConformance]",
    async (space) => {
      const env = [{ name: 'TEST_VAR', value: 'test-value' }];
      await prints(space, pod('expansion', shell('TEST_VAR=wrong echo "$(TEST_VAR)"', { env })), 'test-value');
    },
  );

  const scratch = { volumes: [{ name: 'work', emptyDir: {} }] };
  const mounts = (subPathExpr: string, at: string, whole: string) => ({
    volumeMounts: [
      { name: 'work', mountPath: at, subPathExpr },
      { name: 'work', mountPath: whole },
    ],
  });

  requirement('Variable Expansion should allow substituting values in a volume subpath', async (space) => {
    const script = 'test -d /testcontainer/$(POD_NAME);echo $?';
    const env = [{ name: 'POD_NAME', value: 'foo' }];
    const container = shell(script, { env, ...mounts('$(POD_NAME)', '/logscontainer', '/testcontainer') });
    assert.equal(await outputOf(space, pod('subpath', container, scratch)), '0\n');
  });

  /** The container is not made: why is told, and the pod goes when it is deleted. */
  const untilRefused = (space: Space, name: string) =>
    space.until('the container is not made', podPath(space, name), ({ status }) => {
      const state = status.containerStatuses?.[0]?.state;
      assert.ok(!state?.running && !state?.terminated, JSON.stringify(state));
      return status.phase === 'Pending' && state?.waiting?.reason === 'CreateContainerConfigError';
    });

  const badSubPaths = {
    'Variable Expansion should fail substituting values in a volume subpath with absolute path': '/tmp',
    'Variable Expansion should fail substituting values in a volume subpath with backticks': '..',
  };
  for (const [name, value] of Object.entries(badSubPaths)) {
    requirement(name, async (space) => {
      const env = [{ name: 'POD_NAME', value }];
      const container = shell(stays, { env, ...mounts('$(POD_NAME)', '/logscontainer', '/testcontainer') });
      await create(space, 'pods', pod('subpath', container, { restartPolicy: 'Never', ...scratch }));
      await untilRefused(space, 'subpath');
      await remove(space, 'subpath');
    });
  }

  const annotated = (annotations: Record<string, string>) => {
    const env = [{ name: 'POD_NAME', value: 'foo' }, field('ANNOTATION', "metadata.annotations['mysubpath']")];
    const container = shell(stays, { env, ...mounts('$(ANNOTATION)/$(POD_NAME)', '/subpath_mount', '/volume_mount') });
    return pod('annotated', container, scratch, { annotations });
  };
  const annotate = (space: Space, mysubpath: string) =>
    update(space, podPath(space, 'annotated'), ({ metadata }) => Object.assign(metadata.annotations, { mysubpath }));

  requirement('Variable Expansion should succeed in writing subpaths in container', async (space) => {
    await start(space, annotated({ mysubpath: 'mypath' }));
    await exec(space, 'annotated', 'main', 'sh', '-c', 'touch /volume_mount/mypath/foo/test.log');
    await exec(space, 'annotated', 'main', 'sh', '-c', 'test -f /subpath_mount/test.log');
    const { metadata } = await annotate(space, 'mynewpath');
    const pod = await space.until('the pod goes on', podPath(space, 'annotated'), isReady);
    assert.equal(metadata.annotations.mysubpath, 'mynewpath');
    assert.equal(pod.status.containerStatuses[0].restartCount, 0);
    await remove(space, 'annotated');
  });

  requirement(
    'Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow]',
    async (space) => {
      await create(space, 'pods', annotated({ notmysubpath: 'mypath' }));
      await untilRefused(space, 'annotated');
      await annotate(space, 'mypath');
      await space.until('the pod is ready', podPath(space, 'annotated'), isReady);
      await exec(space, 'annotated', 'main', 'test', '-d', '/volume_mount/mypath/foo');
      await remove(space, 'annotated');
    },
  );

  requirement(
    'Security Context When creating a container with runAsUser should run the container with uid 65534 [LinuxOnly] [NodeConformance]',
    async (space) => {
      const securityContext = { runAsUser: 65534 };
      const container = shell('test $(id -u) -eq 65534 && cat /proc/self/status', { securityContext });
      await prints(space, pod('user', container), /^Uid:\t65534\t65534\t65534\t65534$/m);
    },
  );

  requirement(
    'Security Context When creating a pod with privileged should run the container as unprivileged when false [LinuxOnly] [NodeConformance]',
    async (space) => {
      const securityContext = { privileged: false };
      const container = shell('ip link add dummy0 type dummy 2>&1 || true', { securityContext });
      await prints(space, pod('unprivileged', container), /Operation not permitted/);
    },
  );

  const ids = { runAsUser: 1001, runAsGroup: 2002 };
  for (const [name, isPods] of [
    [
      'Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly]',
      false,
    ],
    [
      'Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly]',
      true,
    ],
  ] as const) {
    requirement(name, async (space) => {
      const container = shell('id', isPods ? {} : { securityContext: ids });
      const output = await outputOf(space, pod('ids', container, isPods ? { securityContext: ids } : {}));
      assert.match(output, /\buid=1001\b/);
      assert.match(output, /\bgid=2002\b/);
    });
  }

  requirement(
    'Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls',
    async (space) => {
      const sysctls = [
        { name: 'foo-', value: 'bar' },
        { name: 'kernel.shmmax', value: '100000000' },
        { name: 'safe-and-unsafe', value: '100000000' },
        { name: 'bar..', value: '42' },
      ];
      const body = pod('sysctls', shell('true'), { restartPolicy: 'Never', securityContext: { sysctls } });
      const answer = await space.request('POST', space.path('/api/v1', 'pods'), { body });
      assert.equal(answer.code, 422);
      assert.match(answer.body.message, /Invalid value: "foo-"/);
      assert.match(answer.body.message, /Invalid value: "bar\.\."/);
      assert.doesNotMatch(answer.body.message, /safe-and-unsafe|kernel\.shmmax/);
    },
    'privileged',
  );

  requirement(
    'Sysctls [LinuxOnly] [NodeConformance] should support sysctls [Environment:NotInUserNS]',
    async (space) => {
      const securityContext = { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] };
      const container = { ...shell(''), command: ['/bin/sysctl', 'kernel.shm_rmid_forced'] };
      await prints(space, pod('sysctls', container, { securityContext }), 'kernel.shm_rmid_forced = 1');
      const { metadata } = await space.get(podPath(space, 'sysctls'));
      const about = `involvedObject.name=sysctls,involvedObject.namespace=${space.namespace}`;
      const events = `events?fieldSelector=${encodeURIComponent(`${about},involvedObject.uid=${metadata.uid}`)}`;
      const { items } = await space.until('its start is told', space.path('/api/v1', events), (list) =>
        list.items.some(({ reason }: any) => reason === 'Started'),
      );
      const bad = ['Killing', 'Failed', 'SysctlForbidden'];
      assert.ok(!items.some(({ reason }: any) => bad.includes(reason)), JSON.stringify(items));
    },
    'privileged',
  );

  requirement(
    'Kubelet when scheduling a read only busybox container should not write to root filesystem [LinuxOnly] [NodeConformance]',
    async (space) => {
      const securityContext = { readOnlyRootFilesystem: true };
      await create(space, 'pods', pod('readonly', shell('echo test > /file; sleep 240', { securityContext })));
      await space.until('the container runs', podPath(space, 'readonly'), isReady);
      const path = podPath(space, 'readonly', '/log');
      const log = await space.until('the refusal is told', path, (text) => text !== '');
      assert.match(log, /^[^\n]*\/file: Read-only file system\n$/);
      assert.equal(await logOf(space, 'readonly'), log);
    },
  );
});
