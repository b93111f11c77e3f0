// What sig-node requires of pods: how they live and end, how they are updated, and what goes in and out of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import {
  apiOf,
  busybox,
  create,
  exec,
  firstState,
  hasEnded,
  logOf,
  nodeRequirements,
  outputOf,
  pod,
  podPath,
  remove,
  restricted,
  shell,
  start,
  stays,
} from './node.ts';
import { serveImage } from './node-images.ts';
import { conditionOf, isReady, namesOf, selector, update } from './objects.ts';

const lively = (name: string, more: object = {}, metadata: object = {}) => pod(name, shell(stays), more, metadata);

/** What comes over a WebSocket until the server ends it, message by message. */
async function receive(space: Space, path: string, protocol: string): Promise<Buffer[]> {
  const { url, tls } = apiOf(space);
  const messages: Buffer[] = [];
  const socket = new WebSocket(`${url.replace('https', 'wss')}${path}`, [protocol], tls);
  socket.on('message', (data: Buffer) => messages.push(data));
  await once(socket, 'close');
  assert.equal(socket.protocol, protocol);
  return messages;
}

nodeRequirements('conf-pods', ['busybox', 'echo'], (requirement) => {
  requirement(
    'Container Runtime blackbox test when starting a container that exits should run with the expected status [NodeConformance]',
    async (space) => {
      const script = `
f=/restart-count/count
count=$(echo hello >> $f; wc -l $f | awk '{print $1}')
if [ $count -eq 1 ]; then exit 1; fi
if [ $count -eq 2 ]; then exit 0; fi
while true; do sleep 1; done`;
      const volumeMounts = [{ name: 'count', mountPath: '/restart-count' }];
      const volumes = [{ name: 'count', emptyDir: { medium: 'Memory' } }];
      const cases = [
        ['terminate-cmd-rpa', 'Always', 'Running', 'running', 2, 'True'],
        ['terminate-cmd-rpof', 'OnFailure', 'Succeeded', 'terminated', 1, 'False'],
        ['terminate-cmd-rpn', 'Never', 'Failed', 'terminated', 0, 'False'],
      ] as const;
      await Promise.all(
        cases.map(async ([name, restartPolicy, phase, state, restarts, ready]) => {
          await create(space, 'pods', pod(name, shell(script, { name, volumeMounts }), { restartPolicy, volumes }));
          const done = await space.until(name, podPath(space, name), (one) => {
            const container = firstState(one);
            assert.ok((container?.restartCount ?? 0) <= restarts, JSON.stringify(container));
            return container?.restartCount === restarts && one.status.phase === phase && state in container.state;
          });
          await space.until(
            `${name}, ready: ${ready}`,
            podPath(space, name),
            (one) => conditionOf(one, 'Ready').status === ready,
          );
          if (phase === 'Failed') assert.equal(firstState(done).state.terminated.exitCode, 1);
        }),
      );
    },
  );

  requirement('InitContainer [NodeConformance] should invoke init containers on a RestartNever pod', async (space) => {
    const initContainers = ['init1', 'init2'].map((name) => shell('true', { name }));
    const body = pod('init', shell('true', { name: 'run1' }), { restartPolicy: 'Never', initContainers });
    const { resourceVersion } = (await create(space, 'pods', body)).metadata;
    const query = `fieldSelector=metadata.name%3Dinit&resourceVersion=${resourceVersion}`;
    using watching = await ApiWatch.open(space, `${space.path('/api/v1', 'pods')}?${query}`);
    const { object } = await watching.next('the pod has ended', (event) => hasEnded(event.object));
    assert.equal(object.status.phase, 'Succeeded');
    assert.equal(conditionOf(object, 'Initialized').status, 'True');
    assert.equal(object.status.initContainerStatuses.length, 2);
    for (const { ready, restartCount, state } of object.status.initContainerStatuses) {
      assert.deepEqual([ready, restartCount, state.terminated.exitCode], [true, 0, 0]);
    }
    const ends = object.status.initContainerStatuses.map(({ state }: any) => state.terminated);
    assert.ok(ends[0].finishedAt <= ends[1].startedAt, JSON.stringify(ends));
  });

  requirement(
    'Kubelet when scheduling a busybox command in a pod should print the output to logs [NodeConformance]',
    async (space) => {
      await create(space, 'pods', pod('logs', shell("echo 'Hello World' ; echo error >&2; sleep 240"), {}));
      await space.until('the pod runs', podPath(space, 'logs'), isReady);
      const log = await space.until('both lines', podPath(space, 'logs', '/log'), (text) => text.length >= 18);
      assert.deepEqual(log.split('\n').sort(), ['', 'Hello World', 'error']);
    },
  );

  const binFalse = { ...pod('bin-false', { name: 'main', image: busybox, command: ['/bin/false'] }) };
  binFalse.spec.restartPolicy = 'Never';

  requirement(
    'Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason [NodeConformance]',
    async (space) => {
      await create(space, 'pods', binFalse);
      const { status } = await space.until('the pod has ended', podPath(space, 'bin-false'), hasEnded);
      assert.equal(status.containerStatuses.length, 1);
      const { exitCode, reason } = status.containerStatuses[0].state.terminated;
      assert.deepEqual([exitCode, reason], [1, 'Error']);
    },
  );

  requirement(
    'Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete [NodeConformance]',
    async (space) => {
      await create(space, 'pods', binFalse);
      await remove(space, 'bin-false');
      // One that has ended goes too.
      await create(space, 'pods', binFalse);
      await space.until('the pod has ended', podPath(space, 'bin-false'), hasEnded);
      await remove(space, 'bin-false');
    },
  );

  requirement(
    'Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu',
    async (space) => {
      const amounts = { cpu: '100m', memory: '100Mi' };
      const resources = { limits: amounts, requests: amounts };
      await create(space, 'pods', pod('qos', shell(stays, { resources })));
      assert.equal((await space.get(podPath(space, 'qos'))).status.qosClass, 'Guaranteed');
      const running = await space.until('the pod runs', podPath(space, 'qos'), isReady);
      assert.equal(running.status.qosClass, 'Guaranteed');
      const burstable = pod('burstable', shell(stays, { resources: { limits: amounts, requests: { cpu: '50m' } } }));
      assert.equal((await create(space, 'pods', burstable)).status.qosClass, 'Burstable');
      assert.equal((await create(space, 'pods', lively('best-effort'))).status.qosClass, 'BestEffort');
    },
  );

  requirement('Pods should be submitted and removed [NodeConformance]', async (space) => {
    const pods = space.path('/api/v1', 'pods');
    const mine = selector('time=now');
    const empty = await space.get(`${pods}?${mine}`);
    assert.deepEqual(empty.items, []);
    const from = `${mine}&resourceVersion=${empty.metadata.resourceVersion}`;
    using watching = await ApiWatch.open(space, `${pods}?${from}`);
    await create(space, 'pods', lively('removed', {}, { labels: { time: 'now' } }));
    assert.deepEqual(namesOf(await space.get(`${pods}?${mine}`)), ['removed']);
    await watching.next('the pod is there', ({ type }) => type === 'ADDED');
    await space.until('the pod runs', podPath(space, 'removed'), isReady);
    const told = await space.ask('DELETE', podPath(space, 'removed', '?gracePeriodSeconds=30'));
    assert.ok(told.metadata.deletionTimestamp);
    assert.equal(told.metadata.deletionGracePeriodSeconds, 30);
    const { object } = await watching.next('the pod goes', ({ type }) => type === 'DELETED');
    assert.ok(object.metadata.deletionTimestamp);
    assert.notEqual(object.spec.terminationGracePeriodSeconds, 0);
    assert.deepEqual((await space.get(`${pods}?${mine}`)).items, []);
  });

  requirement('Pods should be updated [NodeConformance]', async (space) => {
    const pods = space.path('/api/v1', 'pods');
    await start(space, lively('updated', {}, { labels: { time: 'now' } }));
    assert.deepEqual(namesOf(await space.get(`${pods}?${selector('time=now')}`)), ['updated']);
    await update(space, podPath(space, 'updated'), ({ metadata }) => Object.assign(metadata.labels, { time: 'later' }));
    assert.deepEqual(namesOf(await space.get(`${pods}?${selector('time=later')}`)), ['updated']);
    assert.deepEqual(namesOf(await space.get(`${pods}?${selector('time=now')}`)), []);
    const running = await space.get(podPath(space, 'updated'));
    assert.ok(isReady(running) && firstState(running).restartCount === 0);
  });

  requirement('Pods should allow activeDeadlineSeconds to be updated [NodeConformance]', async (space) => {
    await start(space, lively('deadline', {}, { labels: { time: 'now' } }));
    const found = await space.get(`${space.path('/api/v1', 'pods')}?${selector('time=now')}`);
    assert.deepEqual(namesOf(found), ['deadline']);
    await update(space, podPath(space, 'deadline'), ({ spec }) => Object.assign(spec, { activeDeadlineSeconds: 5 }));
    const { status } = await space.until('the pod has ended', podPath(space, 'deadline'), hasEnded);
    assert.deepEqual([status.phase, status.reason], ['Failed', 'DeadlineExceeded']);
    assert.equal(status.message, 'Pod was active on the node longer than the specified deadline');
  });

  requirement('Pods should contain environment variables for services [NodeConformance]', async (space) => {
    const server = shell('exec httpd -f -p 9376 -h /tmp', { ports: [{ containerPort: 9376 }] });
    await start(space, pod('server', server, {}, { labels: { name: 'server' } }));
    const ports = [{ port: 8765, targetPort: 8080 }];
    const { spec } = await create(space, 'services', {
      metadata: { name: 'fooservice' },
      spec: { selector: { name: 'server' }, ports },
    });
    const wanted = [
      `FOOSERVICE_SERVICE_HOST=${spec.clusterIP}`,
      'FOOSERVICE_SERVICE_PORT=8765',
      `FOOSERVICE_PORT=tcp://${spec.clusterIP}:8765`,
      'FOOSERVICE_PORT_8765_TCP_PORT=8765',
      'FOOSERVICE_PORT_8765_TCP_PROTO=tcp',
      `FOOSERVICE_PORT_8765_TCP=tcp://${spec.clusterIP}:8765`,
      `FOOSERVICE_PORT_8765_TCP_ADDR=${spec.clusterIP}`,
    ];
    // A node may come to know of the service after it has begun the pod: then the next one knows it.
    for (let attempt = 1; ; attempt++) {
      const lines = (await outputOf(space, pod(`client-${attempt}`, shell('env')))).split('\n');
      const missing = wanted.filter((line) => !lines.includes(line));
      if (missing.length === 0) break;
      assert.ok(attempt < 3, `${missing} in ${lines}`);
    }
  });

  requirement('Pods should patch a pod status', async (space) => {
    await start(space, lively('patched', {}, { labels: { test: 'yes' } }));
    const body = { status: { message: 'Patched by e2e test', reason: 'E2E' } };
    const { status } = await space.ask('PATCH', podPath(space, 'patched', '/status'), { body });
    assert.deepEqual([status.message, status.reason], ['Patched by e2e test', 'E2E']);
    assert.equal(status.phase, 'Running');
  });

  requirement('Pods should support remote command execution over websockets [NodeConformance]', async (space) => {
    await start(space, pod('exec', shell('echo container is alive; sleep 600')));
    const query = new URLSearchParams({ stderr: '1', stdout: '1', container: 'main' });
    for (const word of ['echo', 'remote execution test']) query.append('command', word);
    const messages = await receive(space, podPath(space, 'exec', `/exec?${query}`), 'channel.k8s.io');
    const said = messages.filter((message) => message.length > 1);
    assert.deepEqual([...new Set(said.map((message) => message[0]))], [1]);
    assert.equal(Buffer.concat(said.map((message) => message.subarray(1))).toString(), 'remote execution test\n');
  });

  requirement(
    'Pods should support retrieving logs from the container over websockets [NodeConformance]',
    async (space) => {
      await start(space, pod('logs', shell('echo container is alive; sleep 10000')));
      await space.until('the line', podPath(space, 'logs', '/log'), (text) => text !== '');
      const messages = await receive(space, podPath(space, 'logs', '/log?container=main'), 'binary.k8s.io');
      assert.equal(Buffer.concat(messages).toString(), 'container is alive\n');
    },
  );

  const says = (name: string, word: string) =>
    shell(`while true; do echo ${word}; sleep 2; done`, { name, stdin: true, tty: true });
  const ephemeral = ({ status }: any, name: string) =>
    status.ephemeralContainerStatuses?.find((one: any) => one.name === name);
  const addEphemeral = async (space: Space, container: any) => {
    const order = { '$setElementOrder/ephemeralContainers': [{ name: container.name }] };
    const body = { spec: { ...order, ephemeralContainers: [container] } };
    const patched = await space.ask('PATCH', podPath(space, 'debugged', '/ephemeralcontainers'), { body });
    const running = (one: any) => ephemeral(one, container.name)?.state.running;
    await space.until(`${container.name} runs`, podPath(space, 'debugged'), running);
    return patched;
  };

  requirement(
    'Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod',
    async (space) => {
      await start(space, lively('debugged'));
      await addEphemeral(space, says('debugger', 'polo'));
      const path = podPath(space, 'debugged', '/log?container=debugger');
      await space.until('its output', path, (text) => text.includes('polo'));
      const { spec, status } = await space.get(podPath(space, 'debugged'));
      assert.deepEqual([spec.containers.length, spec.ephemeralContainers.length], [1, 1]);
      assert.equal(status.containerStatuses[0].restartCount, 0);
    },
  );

  requirement(
    'Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod',
    async (space) => {
      await start(space, lively('debugged'));
      await addEphemeral(space, says('debugger1', 'marco'));
      const path = podPath(space, 'debugged', '/ephemeralcontainers');
      const { spec } = await space.get(path);
      assert.equal(spec.ephemeralContainers.length, 1);
      const more = (object: any) => {
        object.spec.ephemeralContainers.push({ ...says('debugger2', 'polo'), targetContainerName: 'main' });
      };
      const updated = await update(space, path, more);
      assert.equal(updated.spec.ephemeralContainers.length, 2);
      const last = await space.until('both run', podPath(space, 'debugged'), (one) =>
        ['debugger1', 'debugger2'].every((name) => ephemeral(one, name)?.state.running),
      );
      assert.equal(last.spec.ephemeralContainers.length, 2);
      const gone = (object: any) => ({ ...object, spec: { ...object.spec, ephemeralContainers: [] } });
      assert.equal((await space.request('PUT', path, { body: gone(last) })).code, 422);
    },
  );

  requirement(
    'ImageVolume should succeed with pod and pull policy of Always [LinuxOnly] [MinimumKubeletVersion:1.35]',
    async (space) => {
      const files = [
        { name: 'data.json', content: '{"name":"kitten.jpg"}' },
        { name: 'etc' },
        { name: 'etc/os-release', content: 'NAME="Alpine Linux"\n' },
      ];
      const reference = await serveImage(space, files, 5000);
      const container = shell('while true; do echo test; sleep 1; done', {
        volumeMounts: [{ name: 'volume', mountPath: '/volume' }],
      });
      const volumes = [{ name: 'volume', image: { reference, pullPolicy: 'Always' } }];
      await start(space, pod('image-volume', container, { volumes }));
      const read = (...command: string[]) => exec(space, 'image-volume', 'main', ...command);
      assert.match(await read('/bin/cat', '/volume/data.json'), /kitten\.jpg/);
      assert.match(await read('/bin/cat', '/volume/etc/os-release'), /Alpine Linux/);
      assert.match(await read('sh', '-c', 'touch /volume/new 2>&1 || true'), /Read-only file system/);
      assert.match(await logOf(space, 'image-volume'), /^test$/m);
    },
    'privileged',
  );

  const generationOf = async (space: Space, name: string) =>
    (await space.get(podPath(space, name))).metadata.generation;
  const untilObserved = (space: Space, name: string, generation: number) =>
    space.until(
      `generation ${generation} is observed`,
      podPath(space, name),
      ({ status }) => status.observedGeneration === generation,
    );

  requirement(
    'Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update [MinimumKubeletVersion:1.34]',
    async (space) => {
      const initContainers = [{ name: 'init-container', image: busybox, securityContext: restricted }];
      const made = await start(space, lively('generation', { initContainers }));
      assert.equal(made.metadata.generation, 1);
      const toleration = { key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' };
      const changes: [string, (pod: any) => void, number][] = [
        ['nothing', () => undefined, 0],
        ['tolerations', ({ spec }) => (spec.tolerations = [...(spec.tolerations ?? []), toleration]), 1],
        ['the deadline', ({ spec }) => (spec.activeDeadlineSeconds = 5000), 1],
        ['an image', ({ spec }) => (spec.containers[0].image = 'docker.io/library/http-echo:1.0'), 1],
        ['the image of an init container', ({ spec }) => (spec.initContainers[0].image = 'registry.example/pause'), 1],
        ['annotations', ({ metadata }) => (metadata.annotations = { key: 'value' }), 0],
        ['a generation of the client', ({ metadata }) => (metadata.generation = 1), 0],
      ];
      let expected = 1;
      for (const [what, change, bumps] of changes) {
        await update(space, podPath(space, 'generation'), change);
        expected += bumps;
        assert.equal(await generationOf(space, 'generation'), expected, what);
        await untilObserved(space, 'generation', expected);
      }
    },
  );

  requirement(
    'Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete',
    async (space) => {
      const body = pod('generation', shell('sleep 600'), {}, { generation: 100 });
      assert.equal((await start(space, body)).metadata.generation, 1);
      const path = podPath(space, 'generation');
      assert.equal((await space.request('DELETE', `${path}?gracePeriodSeconds=60`)).code, 200);
      assert.equal(await generationOf(space, 'generation'), 2);
      await space.ask('DELETE', `${path}?gracePeriodSeconds=0`);
    },
  );

  requirement(
    'Pods Extended (pod generation) Pod Generation issue 500 podspec updates and verify generation and observedGeneration eventually converge [MinimumKubeletVersion:1.34]',
    async (space) => {
      await start(space, lively('generation', { activeDeadlineSeconds: 5000 }));
      for (let count = 0; count < 499; count++) {
        await update(space, podPath(space, 'generation'), ({ spec }) => spec.activeDeadlineSeconds--);
      }
      await untilObserved(space, 'generation', 500);
      assert.equal(await generationOf(space, 'generation'), 500);
    },
  );
});
