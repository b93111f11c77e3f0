// What the programme checks of nodes beside the requirements that are listed: the same rooms, other cases.
import assert from 'node:assert/strict';
import { realClock } from '../../machinery/clock.ts';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { crud } from './crud.ts';
import {
  create,
  exec,
  firstState,
  hasEnded,
  nodeRequirements,
  outputOf,
  pod,
  podPath,
  prints,
  shell,
  start,
  stays,
} from './node.ts';
import { conditionOf, isReady, namesOf, refused, selector, update } from './objects.ts';

const ended = async (space: Space, body: any) => {
  await create(space, 'pods', body);
  return space.until('the pod has ended', podPath(space, body.metadata.name), hasEnded);
};

nodeRequirements('conf-node-beside', ['busybox', 'echo'], (requirement) => {
  requirement('ConfigMap should be consumable as environment variable names with various prefixes', async (space) => {
    await create(space, 'configmaps', { metadata: { name: 'source' }, data: { 'data-1': 'value-1' } });
    const prefixes = ['', '1-', '$_-', 'ABC_', '#@!'];
    const envFrom = prefixes.map((prefix) => ({ ...(prefix ? { prefix } : {}), configMapRef: { name: 'source' } }));
    await prints(space, pod('env', shell('env', { envFrom })), ...prefixes.map((prefix) => `${prefix}data-1=value-1`));
  });

  requirement('ConfigMap should fail to create ConfigMap with empty key', async (space) => {
    const body = { metadata: { name: 'empty' }, data: { '': 'value-1' } };
    await refused(space, 'POST', space.path('/api/v1', 'configmaps'), 422, { body });
  });

  const message =
    (script: string, more: object) => async (space: Space, phase: string, expected: string | undefined) => {
      const body = pod('message', shell(script, more), { restartPolicy: 'Never' });
      const done = await ended(space, body);
      assert.equal(done.status.phase, phase);
      assert.equal(firstState(done).state.terminated.message, expected);
    };
  const fallback = {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
  const messages: [string, ReturnType<typeof message>, string, string | undefined][] = [
    [
      'report termination message if TerminationMessagePath is set as non-root user and at a non-default path',
      message('/bin/echo -n DONE > /dev/termination-custom-log', {
        terminationMessagePath: '/dev/termination-custom-log',
        securityContext: { runAsUser: 10000 },
      }),
      'Succeeded',
      'DONE',
    ],
    [
      'report termination message from log output if TerminationMessagePolicy FallbackToLogsOnError is set',
      message('/bin/echo -n DONE; /bin/false', fallback),
      'Failed',
      'DONE',
    ],
    [
      'report termination message as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set',
      message('/bin/echo -n DONE; /bin/true', fallback),
      'Succeeded',
      undefined,
    ],
    [
      'report termination message from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set',
      message('/bin/echo -n OK > /dev/termination-log; /bin/echo DONE; /bin/true', fallback),
      'Succeeded',
      'OK',
    ],
  ];
  for (const [name, check, phase, expected] of messages) {
    requirement(`Container Runtime blackbox test on terminated container should ${name}`, (space) =>
      check(space, phase, expected),
    );
  }

  const init = (name: string, command: string, more: object = {}) => shell(command, { name, ...more });
  const withInit = (first: string, second: string, restartPolicy: string, run: object) =>
    pod('init', run, { restartPolicy, initContainers: [init('init1', first), init('init2', second)] });
  const run1 = (script: string) => shell(script, { name: 'run1', resources: { limits: { cpu: '100m' } } });

  requirement('InitContainer [NodeConformance] should invoke init containers on a RestartAlways pod', async (space) => {
    const { status } = await start(space, withInit('true', 'true', 'Always', run1(stays)));
    assert.equal(status.phase, 'Running');
    assert.equal(conditionOf({ status }, 'Initialized').status, 'True');
    for (const { ready, state } of status.initContainerStatuses) assert.ok(ready && state.terminated.exitCode === 0);
  });

  requirement(
    'InitContainer [NodeConformance] should not start app containers if init containers fail on a RestartAlways pod',
    async (space) => {
      await create(space, 'pods', withInit('false', 'true', 'Always', run1(stays)));
      const last = await space.until('three restarts', podPath(space, 'init'), ({ status }) => {
        const [one, two] = status.initContainerStatuses ?? [];
        assert.ok(!two || two.state.waiting, JSON.stringify(two));
        return one?.restartCount >= 3;
      });
      assert.equal(last.status.phase, 'Pending');
      const condition = conditionOf(last, 'Initialized');
      assert.deepEqual([condition.status, condition.reason], ['False', 'ContainersNotInitialized']);
      assert.equal(condition.message, 'containers with incomplete status: [init1 init2]');
      assert.equal(firstState(last).state.waiting.reason, 'PodInitializing');
    },
  );

  requirement(
    'InitContainer [NodeConformance] should not start app containers and fail the pod if init containers fail on a RestartNever pod',
    async (space) => {
      const done = await ended(space, withInit('true', 'false', 'Never', run1(stays)));
      assert.equal(done.status.phase, 'Failed');
      const condition = conditionOf(done, 'Initialized');
      assert.deepEqual([condition.status, condition.reason], ['False', 'ContainersNotInitialized']);
      assert.equal(condition.message, 'containers with incomplete status: [init2]');
      const [one, two] = done.status.initContainerStatuses;
      assert.equal(one.state.terminated.exitCode, 0);
      assert.equal(two.state.terminated.exitCode, 1);
      assert.ok(firstState(done).state.waiting, JSON.stringify(firstState(done)));
    },
  );

  requirement(
    'KubeletManagedEtcHosts should test kubelet managed /etc/hosts file [LinuxOnly] [NodeConformance]',
    async (space) => {
      const original = { name: 'hosts', mountPath: '/etc/hosts-original' };
      const volumes = [{ name: 'hosts', hostPath: { path: '/etc/hosts', type: 'File' } }];
      const [one, two] = ['one', 'two'].map((name) => shell(stays, { name, volumeMounts: [original] }));
      const own = { name: 'hosts', mountPath: '/etc/hosts' };
      const three = shell(stays, { name: 'three', volumeMounts: [own, original] });
      await start(space, pod('managed', [one, two, three], { volumes }));
      await start(space, pod('host', [one, two], { volumes, hostNetwork: true }));
      const begin = '# Kubernetes-managed hosts file.';
      for (const [name, container, isManaged] of [
        ['managed', 'one', true],
        ['managed', 'two', true],
        ['managed', 'three', false],
        ['host', 'one', false],
        ['host', 'two', false],
      ] as const) {
        const [hosts, before] = await Promise.all(
          ['/etc/hosts', '/etc/hosts-original'].map((path) => exec(space, name, container, 'cat', path)),
        );
        assert.equal(hosts!.startsWith(begin), isManaged, `${name} ${container}: ${hosts}`);
        assert.ok(!before!.startsWith(begin));
      }
    },
    'privileged',
  );

  requirement(
    'Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts [NodeConformance]',
    async (space) => {
      const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];
      const output = await outputOf(space, pod('aliases', shell('cat /etc/hosts'), { hostAliases }));
      assert.match(output, /^123\.45\.67\.89\tfoo\tbar$/m);
    },
  );

  requirement('Pods should get a host IP [NodeConformance]', async (space) => {
    const { status } = await start(space, pod('ip', shell(stays)));
    const { addresses } = (await space.get(`/api/v1/nodes/${space.node}`)).status;
    assert.ok(addresses.some(({ address }: any) => address === status.hostIP));
    assert.deepEqual(status.hostIPs, [{ ip: status.hostIP }]);
  });

  requirement('Pods should delete a collection of pods', async (space) => {
    const names = ['test-pod-1', 'test-pod-2', 'test-pod-3'];
    const labels = { type: 'Testing' };
    for (const name of names) await create(space, 'pods', pod(name, shell(stays), {}, { labels }));
    const mine = `${space.path('/api/v1', 'pods')}?${selector('type=Testing')}`;
    assert.deepEqual(namesOf(await space.get(mine)), names);
    await space.ask('DELETE', mine);
    await space.until('they are gone', mine, ({ items }) => items.length === 0);
  });

  requirement('Pods should run through the lifecycle of Pods and PodStatus', async (space) => {
    const pods = space.path('/api/v1', 'pods');
    const mine = selector('test-pod-static=true');
    const { metadata } = await space.get(`${pods}?${mine}`);
    using watching = await ApiWatch.open(space, `${pods}?${mine}&resourceVersion=${metadata.resourceVersion}`);
    await create(space, 'pods', pod('pod-test', shell(stays), {}, { labels: { 'test-pod-static': 'true' } }));
    await watching.next('the pod is there', ({ type }) => type === 'ADDED');
    await watching.next('the pod runs', ({ object }) => isReady(object) && object.status.phase === 'Running');
    const containers = [{ name: 'main', image: 'docker.io/library/http-echo:1.0' }];
    const body = {
      metadata: { labels: { 'test-pod': 'patched' } },
      spec: { terminationGracePeriodSeconds: 1, containers },
    };
    await space.ask('PATCH', podPath(space, 'pod-test'), { body });
    await watching.next('the patch', ({ object }) => object.metadata.labels['test-pod'] === 'patched');
    const got = await space.get(podPath(space, 'pod-test'));
    assert.equal(got.spec.containers[0].image, 'docker.io/library/http-echo:1.0');
    const replaced = await update(space, podPath(space, 'pod-test', '/status'), ({ status }) => {
      for (const condition of status.conditions) if (condition.type === 'Ready') condition.status = 'False';
    });
    assert.equal(conditionOf(replaced, 'Ready').status, 'False');
    await watching.next('it is not ready', ({ object }) => !isReady(object));
    await watching.next(
      'its node says that it is',
      ({ object }) => isReady(object) && firstState(object).restartCount === 1,
    );
    await space.ask('DELETE', `${pods}?${mine}`);
    await watching.next('the pod goes', ({ type }) => type === 'DELETED');
    await refused(space, 'GET', podPath(space, 'pod-test'), 404);
  });

  requirement('Secrets should be consumable from pods in env vars [NodeConformance]', async (space) => {
    await create(space, 'secrets', { metadata: { name: 'source' }, stringData: { 'data-1': 'value-1\n' } });
    const valueFrom = { secretKeyRef: { name: 'source', key: 'data-1' } };
    await prints(space, pod('env', shell('env', { env: [{ name: 'SECRET_DATA', valueFrom }] })), 'SECRET_DATA=value-1');
  });

  requirement(
    "Variable Expansion should allow substituting values in a container's args [NodeConformance]",
    (space) => {
      const container = { ...shell(''), command: ['sh', '-c'], args: ['TEST_VAR=wrong echo "$(TEST_VAR)"'] };
      return prints(
        space,
        pod('args', { ...container, env: [{ name: 'TEST_VAR', value: 'test-value' }] }),
        'test-value',
      );
    },
  );

  requirement(
    'Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false [LinuxOnly] [NodeConformance]',
    (space) => {
      const securityContext = { allowPrivilegeEscalation: false, runAsUser: 1000 };
      return prints(space, pod('escalation', shell('cat /proc/self/status', { securityContext })), 'NoNewPrivs:\t1');
    },
  );

  requirement(
    'Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false [NodeConformance]',
    async (space) => {
      const securityContext = { readOnlyRootFilesystem: false };
      assert.equal(
        await outputOf(space, pod('rootfs', shell('touch checkfile && ls checkfile', { securityContext }))),
        'checkfile\n',
      );
    },
  );

  requirement('[DRA] CRUD Tests resource.k8s.io/v1 DeviceClass', (space) =>
    crud(space, {
      version: '/apis/resource.k8s.io/v1',
      resource: 'deviceclasses',
      isNamespaced: false,
      name: `test-${space.namespace}`,
      spec: { selectors: [{ cel: { expression: 'true' } }] },
    }),
  );

  /** Pods that can only fail are deleted at any moment of their lives: nothing else is ever said of them. */
  const deletedEarly = async (space: Space, hasInit: boolean) => {
    const pods = space.path('/api/v1', 'pods');
    const { metadata } = await space.get(pods);
    using watching = await ApiWatch.open(space, `${pods}?resourceVersion=${metadata.resourceVersion}`);
    const fails = (name: string) => shell('exit 1', { name });
    const spec = { restartPolicy: 'Never', ...(hasInit ? { initContainers: [fails('first')] } : {}) };
    const worker = async (number: number) => {
      for (let round = 0; round < 10; round++) {
        const name = `early-${number}-${round}`;
        await create(space, 'pods', pod(name, fails('main'), spec));
        // Each one a little later in its life than the one before.
        await realClock.sleep(round * 150);
        await space.ask('DELETE', podPath(space, name));
        await watching.until(
          `${name} is gone`,
          ({ type, object }) => type === 'DELETED' && object.metadata.name === name,
        );
      }
    };
    await Promise.all([1, 2, 3].map(worker));
    const before = new Map<string, any>();
    for (const { object } of watching.told) {
      const { name } = object.metadata;
      const told = JSON.stringify(object.status);
      const { phase, containerStatuses = [], initContainerStatuses = [] } = object.status;
      assert.notEqual(phase, 'Succeeded', told);
      if (hasEnded(before.get(name) ?? object)) assert.equal(phase, (before.get(name) ?? object).status.phase, told);
      for (const { name: container, state } of [...initContainerStatuses, ...containerStatuses]) {
        if (!state.terminated) continue;
        assert.ok([1, 137].includes(state.terminated.exitCode), told);
        if (hasInit && container === 'main') assert.notEqual(state.terminated.reason, 'Error', told);
      }
      if (hasInit) assert.ok(!containerStatuses.some(({ state, started }: any) => state.running || started), told);
      before.set(name, object);
    }
  };
  requirement('Pods Extended Pod Container Status should never report success for a pending container', (space) =>
    deletedEarly(space, false),
  );
  requirement(
    'Pods Extended Pod Container Status should never report container start when an init container fails',
    (space) => deletedEarly(space, true),
  );

  requirement(
    'Events should be sent by kubelets and the scheduler about pods scheduling and running',
    async (space) => {
      const { metadata } = await start(space, pod('told', shell(stays)));
      const about = { kind: 'Pod', uid: metadata.uid, namespace: space.namespace };
      for (const source of ['default-scheduler', 'kubelet']) {
        const fields = Object.entries(about).map(([field, value]) => `involvedObject.${field}=${value}`);
        const query = encodeURIComponent([...fields, `source=${source}`].join());
        const { items } = await space.until(
          `events of ${source}`,
          space.path('/api/v1', `events?fieldSelector=${query}`),
          (list) => list.items.length > 0,
        );
        for (const event of items) assert.equal(event.source?.component ?? event.reportingComponent, source);
      }
    },
  );

  requirement(
    'NodeLease the kubelet should create and update a lease in the kube-node-lease namespace',
    async (space) => {
      const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${space.node}`;
      const first = await space.get(path);
      assert.equal(first.spec.holderIdentity, space.node);
      assert.equal(first.metadata.ownerReferences[0].kind, 'Node');
      await space.until('the lease is renewed', path, ({ spec }) => spec.renewTime > first.spec.renewTime);
    },
  );

  requirement('Pods should support pod readiness gates', async (space) => {
    const readinessGates = ['k8s.io/test-condition1', 'k8s.io/test-condition2'].map((conditionType) => ({
      conditionType,
    }));
    await create(space, 'pods', pod('gated', shell(stays), { readinessGates }));
    await space.until(
      'its containers are ready',
      podPath(space, 'gated'),
      (one) => conditionOf(one, 'ContainersReady')?.status === 'True',
    );
    const set = (type: string, status: string) => {
      const body = { status: { conditions: [{ type, status }] } };
      return space.ask('PATCH', podPath(space, 'gated', '/status'), { body });
    };
    assert.ok(!isReady(await set('k8s.io/test-condition1', 'True')));
    await set('k8s.io/test-condition2', 'True');
    await space.until('it is ready', podPath(space, 'gated'), isReady);
    await set('k8s.io/test-condition1', 'False');
    const last = await space.until('it is not', podPath(space, 'gated'), (one) => !isReady(one));
    assert.equal(conditionOf(last, 'Ready').reason, 'ReadinessGatesNotReady');
  });

  requirement(
    'Sysctls should not launch unsafe, but not explicitly enabled sysctls on the node',
    async (space) => {
      const securityContext = { sysctls: [{ name: 'kernel.msgmax', value: '10000000000' }] };
      const { status } = await ended(space, pod('unsafe', shell('true'), { restartPolicy: 'Never', securityContext }));
      assert.deepEqual([status.phase, status.reason], ['Failed', 'SysctlForbidden']);
      assert.deepEqual(status.containerStatuses ?? [], []);
    },
    'privileged',
  );
});
