// What sig-node requires of probes and hooks. Periods are the programme's: minutes in which nothing may happen.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { create, firstState, hasEnded, nodeRequirements, pod, podPath, remove, shell, start, stays } from './node.ts';
import { conditionOf, isReady } from './objects.ts';

/** A web server whose `/healthz` is gone after ten seconds where that is asked for. */
const webServer = (port: number, isFailing: boolean) => `
mkdir -p /tmp/www && echo ok > /tmp/www/healthz && echo home > /tmp/www/index.html
${isFailing ? '(sleep 10; rm /tmp/www/healthz) &' : ''}
exec httpd -f -p ${port} -h /tmp/www`;

/** Answers the health check of each connection with SERVING, frame by frame. */
const grpcServer = String.raw`
cat > /tmp/serve <<'END'
#!/bin/sh
take() { dd bs=1 count=$1 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
take 24 > /dev/null
printf '\0\0\0\4\0\0\0\0\0'
while head=$(take 9) && [ "$head" ]; do
  take $((0x$(expr substr $head 1 6))) > /dev/null
  case $head in
  ??????0400*) printf '\0\0\0\4\1\0\0\0\0' ;;
  ??????0001*)
    printf '\0\0\24\1\4\0\0\0\1\210\17\20\20application/grpc'
    printf '\0\0\7\0\0\0\0\0\1\0\0\0\0\2\10\1'
    printf '\0\0\17\1\5\0\0\0\1\0\13grpc-status\0010' ;;
  esac
done
END
chmod +x /tmp/serve
exec nc -ll -p 5000 -e /tmp/serve`;

const restartsOf = (one: any): number => firstState(one)?.restartCount ?? 0;
const httpGet = (path: string, port: number) => ({ httpGet: { path, port } });
const probed = (script: string, probes: object) => pod('probed', shell(script, probes));

/** How many probes of a pod have gone so, as its node counts them. */
async function probesOf(space: Space, type: string, result: string): Promise<number> {
  const metrics: string = await space.get(`/api/v1/nodes/${space.node}/proxy/metrics/probes`);
  const labels = { namespace: space.namespace, pod: 'probed', probe_type: type, result };
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const isIt = (line: string) => line.startsWith('prober_probe_total{') && wanted.every((one) => line.includes(one));
  return Number(metrics.split('\n').find(isIt)?.split(' ').at(-1) ?? 0);
}

/** Starts a pod, and tells each of its states until another one beside it has run for so long. */
async function observe(space: Space, body: object, seconds: number): Promise<any[]> {
  const { metadata } = await create(space, 'pods', body);
  const pods = `${space.path('/api/v1', 'pods')}?resourceVersion=${metadata.resourceVersion}`;
  using watching = await ApiWatch.open(space, pods);
  const isRunning = ({ object }: any) => object.metadata.name === 'probed' && object.status.phase === 'Running';
  const { object } = await watching.next('the pod runs', isRunning);
  await create(space, 'pods', pod('clock', shell('sleep 1d'), { activeDeadlineSeconds: seconds }));
  const isOver = (event: any) => event.object.metadata.name === 'clock' && hasEnded(event.object);
  await watching.next('the time is over', isOver, (seconds + 300) * 1000);
  const last = await space.get(podPath(space, 'probed'));
  const states = watching.told.map((event) => event.object).filter(({ metadata: { name } }) => name === 'probed');
  return [object, ...states, last];
}

/** Restarts come one after the other, and at least so many. */
async function restarts(space: Space, body: object, count: number): Promise<void> {
  const { metadata } = await create(space, 'pods', body);
  const pods = `${space.path('/api/v1', 'pods')}?resourceVersion=${metadata.resourceVersion}`;
  using watching = await ApiWatch.open(space, pods);
  for (let number = 1; number <= count; number++) {
    const { object } = await watching.next(`restart ${number}`, (one) => restartsOf(one.object) >= number, 840_000);
    assert.equal(restartsOf(object), number);
  }
  const counts = watching.told.map(({ object }) => restartsOf(object));
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  );
  const about = `involvedObject.name=probed,reason=Killing`;
  const { items } = await space.get(space.path('/api/v1', `events?fieldSelector=${encodeURIComponent(about)}`));
  assert.match(items[0].message, /^Container main failed liveness probe, will be restarted$/);
}

nodeRequirements('conf-probes', ['busybox'], (requirement) => {
  const server = async (space: Space, script = 'cd /tmp && touch poststart prestop && exec httpd -f -vv -p 8080') => {
    const ports = [{ containerPort: 8080 }];
    return (await start(space, pod('server', shell(script, { ports })))).status.podIP as string;
  };
  const untilCalled = (space: Space, what: string) =>
    space.until(`${what} has come`, podPath(space, 'server', '/log'), (log) => log.includes(`/${what}`));
  const call = (ip: string, what: string) => ({
    exec: { command: ['sh', '-c', `wget -q -O - http://${ip}:8080/${what}`] },
  });

  requirement(
    'Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart exec hook properly [NodeConformance]',
    async (space) => {
      const ip = await server(space);
      await start(space, pod('hooked', shell(stays, { lifecycle: { postStart: call(ip, 'poststart') } })));
      await untilCalled(space, 'poststart');
      await remove(space, 'hooked');
    },
  );

  const stopHooks = {
    'Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop exec hook properly [NodeConformance]':
      (ip: string) => call(ip, 'prestop'),
    'Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook properly [NodeConformance]':
      (host: string) => ({ httpGet: { path: '/prestop', host, port: 8080 } }),
  };
  for (const [name, preStop] of Object.entries(stopHooks)) {
    requirement(
      name,
      async (space) => {
        const ip = await server(space);
        const container = shell(stays, { lifecycle: { preStop: preStop(ip) } });
        await start(space, pod('hooked', container, { terminationGracePeriodSeconds: 30 }));
        assert.doesNotMatch(await space.get(podPath(space, 'server', '/log')), /prestop/);
        await remove(space, 'hooked');
        await untilCalled(space, 'prestop');
      },
      'privileged',
    );
  }

  requirement('PreStop should call prestop when killing a pod', async (space) => {
    const ip = await server(
      space,
      `mkdir -p /tmp/www/cgi-bin && cd /tmp/www && touch read
printf '#!/bin/sh\\nhead -c $CONTENT_LENGTH >> /tmp/www/read\\nprintf "Status: 200 OK\\\\r\\\\n\\\\r\\\\n"\\n' > cgi-bin/write
chmod +x cgi-bin/write && exec httpd -f -p 8080 -h /tmp/www`,
    );
    const body = '{"Source": "prestop"}';
    const post = ['sh', '-c', `wget -q -O - --post-data='${body}' http://${ip}:8080/cgi-bin/write`];
    const container = shell('sleep 600', { lifecycle: { preStop: { exec: { command: post } } } });
    await start(space, pod('tester', container, { terminationGracePeriodSeconds: 5 }));
    const read = podPath(space, 'server', '/proxy/read');
    assert.equal(await space.get(read), '');
    await space.ask('DELETE', podPath(space, 'tester'));
    assert.equal(await space.until('the call has come', read, (text) => text !== ''), body);
    await space.until('the tester is gone', space.path('/api/v1', 'pods'), ({ items }) => items.length === 1);
  });

  requirement(
    'Probing container with readiness probe that fails should never be ready and never restart [NodeConformance]',
    async (space) => {
      const states = await observe(space, probed(webServer(80, false), { readinessProbe: httpGet('/', 81) }), 60);
      for (const state of states) assert.deepEqual([isReady(state), restartsOf(state)], [false, 0]);
      assert.equal(states.at(-1).status.phase, 'Running');
      const failures = await probesOf(space, 'Readiness', 'failed');
      assert.ok(failures >= 4, `${failures} failures`);
    },
  );

  requirement('Probing container should be restarted with a GRPC liveness probe [NodeConformance]', async (space) => {
    const grpc = { grpc: { port: 2333 } };
    const livenessProbe = { ...grpc, initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 1 };
    await restarts(space, probed(grpcServer, { livenessProbe }), 1);
  });

  requirement(
    'Probing container should have monotonically increasing restart count [NodeConformance]',
    async (space) => {
      const livenessProbe = { ...httpGet('/healthz', 8080), initialDelaySeconds: 5, failureThreshold: 1 };
      await restarts(space, probed(webServer(8080, true), { livenessProbe }), 5);
    },
  );

  const patient = { initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 1 };
  const unharmed: Record<string, [string, object]> = {
    'Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance]': [
      'echo ok > /tmp/health; sleep 600',
      { exec: { command: ['cat', '/tmp/health'] }, ...patient },
    ],
    'Probing container should *not* be restarted with a tcp:8080 liveness probe [NodeConformance]': [
      webServer(8080, true),
      { tcpSocket: { port: 8080 }, initialDelaySeconds: 15, failureThreshold: 1 },
    ],
    'Probing container should *not* be restarted with a /healthz http liveness probe [NodeConformance]': [
      webServer(80, false),
      { ...httpGet('/', 80), ...patient, failureThreshold: 5 },
    ],
    'Probing container should *not* be restarted with a GRPC liveness probe [NodeConformance]': [
      grpcServer,
      { grpc: { port: 5000 }, ...patient },
    ],
  };
  for (const [name, [script, livenessProbe]] of Object.entries(unharmed)) {
    requirement(name, async (space) => {
      const states = await observe(space, probed(script, { livenessProbe }), 240);
      for (const state of states) assert.equal(restartsOf(state), 0, JSON.stringify(state.status));
      const successes = await probesOf(space, 'Liveness', 'successful');
      assert.ok(successes >= 15, `${successes} probes`);
    });
  }

  // What follows belongs to the same suites, though it is not listed.
  const restartedOnce = async (space: Space, script: string, probe: object) => {
    const livenessProbe = { initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 1, ...probe };
    await create(space, 'pods', pod('probed', shell(script, { livenessProbe })));
    await space.until('one restart', podPath(space, 'probed'), (one) => firstState(one)?.restartCount === 1);
  };

  requirement(
    'Probing container should be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance]',
    (space) => {
      const script = 'echo ok >/tmp/health; sleep 10; rm -rf /tmp/health; sleep 600';
      return restartedOnce(space, script, { exec: { command: ['cat', '/tmp/health'] } });
    },
  );

  requirement(
    'Probing container should be restarted with a /healthz http liveness probe [NodeConformance]',
    (space) => {
      const script = 'cd /tmp && touch healthz && (sleep 10; rm healthz) & exec httpd -f -p 8080 -h /tmp';
      return restartedOnce(space, script, { httpGet: { path: '/healthz', port: 8080 } });
    },
  );

  requirement(
    'Probing container with readiness probe should not be ready before initial delay and never restart [NodeConformance]',
    async (space) => {
      const readinessProbe = { httpGet: { path: '/', port: 80 }, initialDelaySeconds: 15 };
      const script = 'cd /tmp && touch index.html && exec httpd -f -p 80 -h /tmp';
      const ready = await start(space, pod('ready', shell(script, { readinessProbe })));
      const began = Date.parse(firstState(ready).state.running.startedAt);
      const delay = Date.parse(conditionOf(ready, 'Ready').lastTransitionTime) - began;
      assert.ok(delay >= 15_000, `${delay} ms`);
      assert.equal(firstState(ready).restartCount, 0);
    },
  );

  requirement(
    'Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook properly [NodeConformance]',
    async (space) => {
      const host = await server(space);
      const lifecycle = { postStart: { httpGet: { path: '/poststart', host, port: 8080 } } };
      await start(space, pod('hooked', shell(stays, { lifecycle })));
      await untilCalled(space, 'poststart');
      await remove(space, 'hooked');
    },
    'privileged',
  );

  const redirecting = (location: string) => `mkdir -p /tmp/www/cgi-bin && cd /tmp/www && touch healthz
cat > cgi-bin/redirect <<'END'
#!/bin/sh
printf 'Status: 302 Found\r\nLocation: ${location}\r\nContent-Type: text/html\r\n\r\n<a href="${location}">Found</a>.'
END
chmod +x cgi-bin/redirect
(sleep 10; rm healthz) &
exec httpd -f -p 8080 -h /tmp/www`;
  const redirected = { httpGet: { path: '/cgi-bin/redirect', port: 8080 } };

  requirement('Probing container should be restarted with a local redirect http liveness probe', (space) =>
    restartedOnce(space, redirecting('/healthz'), redirected),
  );

  requirement(
    'Probing container should *not* be restarted with a non-local redirect http liveness probe',
    async (space) => {
      const livenessProbe = { ...redirected, initialDelaySeconds: 15, failureThreshold: 1 };
      await create(space, 'pods', pod('probed', shell(redirecting('http://0.0.0.0/'), { livenessProbe })));
      const about = encodeURIComponent('involvedObject.name=probed,reason=ProbeWarning');
      const { items } = await space.until(
        'a warning',
        space.path('/api/v1', `events?fieldSelector=${about}`),
        (list) => list.items.length > 0,
      );
      assert.match(
        items[0].message,
        /Probe terminated redirects, Response body: <a href="http:\/\/0\.0\.0\.0\/">Found<\/a>\./,
      );
      assert.equal(firstState(await space.get(podPath(space, 'probed'))).restartCount, 0);
    },
  );

  requirement(
    'Probing container should override timeoutGracePeriodSeconds when LivenessProbe field is set',
    async (space) => {
      const exec = { command: ['false'] };
      const livenessProbe = { exec, initialDelaySeconds: 5, failureThreshold: 1, terminationGracePeriodSeconds: 1 };
      const script = 'trap "" TERM; while :; do sleep 1; done';
      await create(
        space,
        'pods',
        pod('probed', shell(script, { livenessProbe }), { terminationGracePeriodSeconds: 500 }),
      );
      await space.until('one restart', podPath(space, 'probed'), (one) => firstState(one)?.restartCount === 1, 240_000);
      await space.ask('DELETE', podPath(space, 'probed', '?gracePeriodSeconds=0'));
    },
  );

  requirement(
    'Probing container should mark readiness on pods to false while pod is in progress of terminating when a pod has a readiness probe',
    async (space) => {
      const readinessProbe = { exec: { command: ['test', '-f', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 };
      const script = 'touch /tmp/ready; trap "rm /tmp/ready; sleep 20; exit 0" TERM; while :; do sleep 0.2; done';
      const { metadata } = await start(
        space,
        pod('ending', shell(script, { readinessProbe }), { terminationGracePeriodSeconds: 30 }),
      );
      const pods = `${space.path('/api/v1', 'pods')}?resourceVersion=${metadata.resourceVersion}`;
      using watching = await ApiWatch.open(space, pods);
      await space.ask('DELETE', podPath(space, 'ending'));
      await watching.next('it is told to go', ({ object }) => object.metadata.deletionTimestamp && isReady(object));
      const { object } = await watching.next('it is not ready', ({ object }) => !isReady(object));
      assert.ok(firstState(object).state.running, JSON.stringify(object.status));
      await space.ask('DELETE', podPath(space, 'ending', '?gracePeriodSeconds=0'));
    },
  );
});
