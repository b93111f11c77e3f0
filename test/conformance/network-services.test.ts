// What sig-network requires of traffic: to pods, through services and through the API server.
import assert from 'node:assert/strict';
import { realClock } from '../../machinery/clock.ts';
import { ApiWatch } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import {
  clientPod,
  execIn,
  httpTo,
  makeService,
  nodeAddress,
  serverPod,
  slicesOf,
  tcp,
  udpTo,
  untilAnswered,
  untilEndpoints,
  untilExec,
  untilRefused,
} from './network.ts';
import { update } from './objects.ts';
import { startMethods, startPorts } from './proxied.ts';
import { startPod } from './volumes.ts';

const pods = (space: Space, name = '') => space.path('/api/v1', `pods${name && `/${name}`}`);

/** The names of the three pods of a replication controller, once they are behind its service. */
async function startServers(space: Space, name: string): Promise<string[]> {
  const { spec } = serverPod({ name, http: [9376] });
  const template = { metadata: { labels: { name } }, spec };
  await space.ask('POST', space.path('/api/v1', 'replicationcontrollers'), {
    body: { metadata: { name }, spec: { replicas: 3, template } },
  });
  const { items } = await space.until('three endpoints', slicesOf(space, name), ({ items }) => {
    const all = items.flatMap(({ endpoints }: any) => endpoints ?? []);
    return all.filter(({ conditions }: any) => conditions.ready).length === 3;
  });
  return items.flatMap(({ endpoints }: any) => endpoints.map(({ targetRef }: any) => targetRef.name));
}

/** What sixteen requests, one after the other, were answered. */
const sixteen = (host: string, port: number) => `for i in $(seq 16); do ${httpTo(host, port)} || echo none; echo; done`;
const answersIn = (stdout: string) => stdout.split('\n').filter((line) => line !== '');

/** A service whose clients stay with one endpoint; with a switch to any, and back. */
async function staysWithOne(space: Space, type: 'ClusterIP' | 'NodePort', isSwitched: boolean): Promise<void> {
  const name = 'affinity';
  const service = await makeService(space, name, {
    type,
    sessionAffinity: 'ClientIP',
    selector: { name },
    ports: [{ name: 'http', port: 80, targetPort: 9376, protocol: 'TCP' }],
  });
  assert.equal(service.spec.sessionAffinityConfig.clientIP.timeoutSeconds, 10800);
  const [names] = await Promise.all([startServers(space, name), startPod(space, clientPod())]);
  const { clusterIP, ports } = service.spec;
  const ways: [string, number][] = [
    [name, 80],
    [clusterIP, 80],
  ];
  if (type === 'NodePort') ways.push([await nodeAddress(space), ports[0].nodePort]);
  for (const [host, port] of ways) await untilAnswered(space, 'client', httpTo(host, port), names);
  const script = sixteen(...ways.at(-1)!);
  const kinds = ({ stdout }: { stdout: string }) => new Set(answersIn(stdout)).size;
  const isOne = ({ stdout }: { stdout: string }) => answersIn(stdout).length === 16 && kinds({ stdout }) === 1;
  const holds = async () => {
    const [first] = answersIn((await untilExec(space, 'client', script, isOne)).stdout);
    assert.ok(names.includes(first!), first!);
    const { stdout } = await execIn(space, 'client', script);
    assert.deepEqual(new Set(answersIn(stdout)), new Set([first]));
  };
  const path = space.path('/api/v1', `services/${name}`);
  const become = async (sessionAffinity: string) => {
    const { spec } = await update(space, path, (one) => Object.assign(one.spec, { sessionAffinity }));
    assert.equal(spec.sessionAffinity, sessionAffinity);
  };
  if (!isSwitched) return holds();
  await become('None');
  await untilExec(space, 'client', script, (done) => kinds(done) > 1);
  await become('ClientIP');
  await holds();
}

/** Every method comes back as it was sent; what is not to be followed is not. */
async function answersMethods(space: Space, target: (proxy: string, method: string) => string): Promise<void> {
  const ask = (method: string, path: string) =>
    fetch(`${space.proxy.url}${path}`, { method, redirect: 'manual', ...(method === 'PATCH' && { body: 'x' }) });
  for (const proxy of await startMethods(space)) {
    for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'GET', 'HEAD']) {
      const path = target(proxy, method);
      const answer = await ask(method, path);
      const text = await answer.text();
      // Without a slash at its end a root that is read is a redirect.
      const isMoved = path.startsWith(`${proxy}?`) && ['GET', 'HEAD'].includes(method);
      assert.equal(answer.status, isMoved ? 301 : 200, `${method} ${path}: ${text}`);
      if (isMoved) {
        const location = answer.headers.get('location')!;
        assert.equal(location, path.replace('/proxy?', '/proxy/?'));
        assert.equal((await ask(method, location)).status, 200);
      } else if (method !== 'HEAD') {
        const uri = path.slice(proxy.length).replace(/^\?/, '/?');
        assert.deepEqual(JSON.parse(text), { body: 'foo', method, uri });
      } else {
        assert.equal(text, '');
      }
    }
    const rest = '/results/wheezy_udp@a.b%20c?x=%2Fy';
    assert.equal(JSON.parse(await (await ask('GET', proxy + rest)).text()).uri, rest);
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(method, proxy);
      assert.deepEqual([answer.status, answer.headers.get('location')], [301, `${proxy}/`]);
    }
  }
}

requirements({ name: 'conf-services', sig: 'sig-network', images: ['busybox', 'netserver'] }, (requirement) => {
  for (const [name, type] of [
    ['Services should have session affinity work for service with type clusterIP [LinuxOnly]', 'ClusterIP'],
    ['Services should have session affinity work for NodePort service [LinuxOnly]', 'NodePort'],
    ['Services should be able to switch session affinity for service with type clusterIP [LinuxOnly]', 'ClusterIP'],
    ['Services should be able to switch session affinity for NodePort service [LinuxOnly]', 'NodePort'],
  ] as const) {
    requirement(name, (space) => staysWithOne(space, type, name.includes('switch')));
  }

  requirement('Services should be able to change the type from NodePort to ExternalName', async (space) => {
    const name = 'nodeport-service';
    const path = space.path('/api/v1', `services/${name}`);
    const ports = [{ port: 80, protocol: 'TCP', targetPort: 9376 }];
    const before = await makeService(space, name, { type: 'NodePort', ports, selector: { name } });
    assert.ok(before.spec.ports[0].nodePort >= 30000);
    await makeService(space, 'externalsvc', { ports, selector: { name: 'externalsvc' } });
    const [names] = await Promise.all([startServers(space, 'externalsvc'), startPod(space, clientPod())]);
    const externalName = `externalsvc.${space.namespace}.svc.cluster.local`;
    const { spec } = await update(space, path, (one) => {
      one.spec.type = 'ExternalName';
      one.spec.externalName = externalName;
    });
    assert.deepEqual([spec.clusterIP, spec.clusterIPs, spec.ports[0].nodePort], [undefined, undefined, undefined]);
    const lookup = `nslookup ${name}.${space.namespace}.svc.cluster.local`;
    await untilExec(space, 'client', lookup, ({ code, stdout }) => code === 0 && stdout.includes(externalName));
    await untilAnswered(space, 'client', httpTo(name, 80), names);
    // What was given back can be had by another.
    const { nodePort } = before.spec.ports[0];
    const { clusterIP } = before.spec;
    const other = { type: 'NodePort', clusterIP, ports: [{ port: 80, nodePort }], selector: { name } };
    const after = await makeService(space, 'another', other);
    assert.deepEqual([after.spec.clusterIP, after.spec.ports[0].nodePort], [clusterIP, nodePort]);
  });

  requirement('Services should serve a basic endpoint from pods', async (space) => {
    const name = 'endpoint-test2';
    const labels = { 'test-service': name };
    const ports = [{ port: 80, targetPort: 80, protocol: 'TCP' }];
    const service = await makeService(space, name, { selector: labels, ports });
    await untilEndpoints(space, name, {});
    await startPod(space, clientPod());
    const start = (pod: string) =>
      startPod(space, serverPod({ name: pod, labels, http: [80], ports: [{ containerPort: 80 }] }));
    const reached = async (names: string[]) => {
      for (const host of [name, service.spec.clusterIP]) {
        await untilAnswered(space, 'client', httpTo(host, 80), names);
      }
    };
    await untilRefused(space, 'client', httpTo(service.spec.clusterIP, 80));
    await start('pod1');
    await untilEndpoints(space, name, { pod1: [80] });
    await reached(['pod1']);
    await start('pod2');
    await untilEndpoints(space, name, { pod1: [80], pod2: [80] });
    for (const one of ['pod1', 'pod2']) await reached([one]);
    await space.ask('DELETE', pods(space, 'pod1'));
    await untilEndpoints(space, name, { pod2: [80] });
    await reached(['pod2']);
    await space.ask('DELETE', pods(space, 'pod2'));
    await untilEndpoints(space, name, {});
    await untilRefused(space, 'client', httpTo(service.spec.clusterIP, 80));
  });

  requirement('Services should serve multiport endpoints from pods', async (space) => {
    const name = 'multi-endpoint-test';
    const selector = { 'test-service': name };
    const port = (index: number) => ({ name: `portname${index}`, port: 79 + index, targetPort: `svc${index}` });
    const service = await makeService(space, name, { selector, ports: [port(1), port(2)] });
    await untilEndpoints(space, name, {});
    await startPod(space, clientPod());
    const start = (index: number) => {
      const number = 99 + index;
      const ports = [tcp(`svc${index}`, number)];
      return startPod(space, serverPod({ name: `pod${index}`, labels: selector, http: [number], ports }));
    };
    const { clusterIP } = service.spec;
    await start(1);
    await untilEndpoints(space, name, { pod1: [100] });
    await start(2);
    await untilEndpoints(space, name, { pod1: [100], pod2: [101] });
    await untilAnswered(space, 'client', httpTo(clusterIP, 80), ['pod1']);
    await untilAnswered(space, 'client', httpTo(clusterIP, 81), ['pod2']);
    await space.ask('DELETE', pods(space, 'pod1'));
    await untilEndpoints(space, name, { pod2: [101] });
    await untilRefused(space, 'client', httpTo(clusterIP, 80));
    await untilAnswered(space, 'client', httpTo(clusterIP, 81), ['pod2']);
    await space.ask('DELETE', pods(space, 'pod2'));
    await untilEndpoints(space, name, {});
  });

  requirement('Services should serve endpoints on same port and different protocols', async (space) => {
    const name = 'multiprotocol-test';
    const selector = { 'test-service': name };
    const port = (protocol: string) => ({ name: `${protocol}-port`.toLowerCase(), port: 80, targetPort: 80, protocol });
    const both = [port('TCP'), port('UDP')];
    const service = await makeService(space, name, { selector, ports: both });
    const { clusterIP } = service.spec;
    await startPod(space, clientPod());
    const ports = both.map(({ name, protocol }) => ({ name, protocol, containerPort: 80 }));
    await startPod(space, serverPod({ name: 'pod1', labels: selector, http: [80], udp: [80], ports }));
    await untilEndpoints(space, name, { pod1: [80, 80] });
    const [overTcp, overUdp] = [httpTo(clusterIP, 80), udpTo(clusterIP, 80)];
    const path = space.path('/api/v1', `services/${name}`);
    const offer = (protocol: string) =>
      update(space, path, ({ spec }) => Object.assign(spec, { ports: [port(protocol)] }));
    await untilAnswered(space, 'client', overTcp, ['pod1']);
    await untilAnswered(space, 'client', overUdp, ['pod1']);
    await offer('TCP');
    await untilRefused(space, 'client', overUdp);
    await untilAnswered(space, 'client', overTcp, ['pod1']);
    await offer('UDP');
    await untilRefused(space, 'client', overTcp);
    await untilAnswered(space, 'client', overUdp, ['pod1']);
  });

  requirement(
    'EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices',
    async (space) => {
      const name = 'example-custom-endpoints';
      const ports = [
        { name: 'port80', port: 80 },
        { name: 'port81', port: 81 },
      ];
      const service = await makeService(space, name, { ports });
      await startPod(space, clientPod());
      const servers = [serverPod({ name: 'pod1', http: [3000] }), serverPod({ name: 'pod2', http: [3001] })];
      const started = await Promise.all(servers.map((pod) => startPod(space, pod)));
      for (const [index, { status }] of started.entries()) {
        await space.ask('POST', space.path('/apis/discovery.k8s.io/v1', 'endpointslices'), {
          body: {
            metadata: {
              generateName: 'example-custom-endpoints-',
              labels: {
                'kubernetes.io/service-name': name,
                'endpointslice.kubernetes.io/managed-by': `e2e-test${space.namespace}`,
              },
            },
            addressType: 'IPv4',
            endpoints: [{ addresses: [status.podIP], conditions: { ready: true } }],
            ports: [{ name: ports[index]!.name, port: 3000 + index, protocol: 'TCP' }],
          },
        });
      }
      for (const host of [name, service.spec.clusterIP]) {
        await untilAnswered(space, 'client', httpTo(host, 80), ['pod1']);
        await untilAnswered(space, 'client', httpTo(host, 81), ['pod2']);
      }
    },
  );

  for (const [name, port] of [
    [
      'Networking Granular Checks: Pods should function for node-pod communication: http [LinuxOnly] [NodeConformance]',
      8083,
    ],
    [
      'Networking Granular Checks: Pods should function for node-pod communication: udp [LinuxOnly] [NodeConformance]',
      8081,
    ],
  ] as const) {
    requirement(name, async (space) => {
      const ports = [tcp('http', 8083), { name: 'udp', containerPort: 8081, protocol: 'UDP' }];
      const labels = { selector: 'netserver' };
      const server = serverPod({ name: 'netserver-0', labels, http: [8083], udp: [8081], ports });
      const onNode = clientPod('host-test-container-pod', { hostNetwork: true });
      const [pod] = await Promise.all([startPod(space, server), startPod(space, onNode)]);
      const { podIP } = pod.status;
      const script = port === 8081 ? udpTo(podIP, port) : httpTo(podIP, port);
      await untilAnswered(space, 'host-test-container-pod', script, ['netserver-0']);
      const service = await makeService(space, 'node-port-service', {
        type: 'NodePort',
        selector: labels,
        ports: [
          { name: 'http', protocol: 'TCP', port: 80, targetPort: 8083 },
          { name: 'udp', protocol: 'UDP', port: 90, targetPort: 8081 },
        ],
      });
      const [http, udp] = service.spec.ports;
      const address = await nodeAddress(space);
      const through = port === 8081 ? udpTo(address, udp.nodePort) : httpTo(address, http.nodePort);
      await untilAnswered(space, 'host-test-container-pod', through, ['netserver-0']);
    });
  }

  requirement(
    'HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly]',
    async (space) => {
      const hostPort = 54323;
      const address = await nodeAddress(space);
      const server = (name: string, hostIP: string, protocol: string) =>
        serverPod({ name, http: [8080], udp: [8080], ports: [{ hostPort, containerPort: 8080, hostIP, protocol }] });
      // Its own address is not the loopback's, as `curl --interface` has it.
      const bound = `server { listen 127.0.0.1:54324; location / { proxy_bind ${address}; proxy_pass http://127.0.0.1:${hostPort}; } }`;
      const hostNetwork = { hostNetwork: true };
      await Promise.all([
        startPod(space, server('pod1', '127.0.0.1', 'TCP')),
        startPod(space, server('pod2', address, 'TCP')),
        startPod(space, server('pod3', address, 'UDP')),
        startPod(space, clientPod('e2e-host-exec', hostNetwork)),
        startPod(space, serverPod({ name: 'bound', more: bound, spec: hostNetwork })),
      ]);
      await untilAnswered(space, 'e2e-host-exec', httpTo('127.0.0.1', 54324), ['pod1']);
      await untilAnswered(space, 'e2e-host-exec', httpTo('127.0.0.1', hostPort), ['pod1']);
      await untilAnswered(space, 'e2e-host-exec', httpTo(address, hostPort), ['pod2']);
      await untilAnswered(space, 'e2e-host-exec', udpTo(address, hostPort), ['pod3']);
      // The same of all three has to wait.
      const { spec } = server('pod4', address, 'TCP');
      await space.ask('POST', pods(space), { body: { metadata: { name: 'pod4' }, spec } });
      const waiting = await space.until('it is not scheduled', pods(space, 'pod4'), ({ status }) =>
        status.conditions?.some((one: any) => one.type === 'PodScheduled' && one.status === 'False'),
      );
      assert.match(
        waiting.status.conditions[0].message,
        /^0\/1 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports\./,
      );
    },
  );

  requirement('Proxy version v1 A set of valid responses are returned for both pod and service Proxy', (space) =>
    answersMethods(space, (proxy, method) => `${proxy}?method=${method}`),
  );
  requirement(
    'Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath',
    (space) => answersMethods(space, (proxy, method) => `${proxy}/some/path/with/${method}`),
  );

  requirement('Proxy version v1 should proxy through a service and a pod', async (space) => {
    await startPorts(space);
    const pod = (scheme: string, port: number | '') =>
      `${pods(space)}/${scheme && `${scheme}:`}proxied${port && `:${port}`}/proxy`;
    const service = (scheme: string, port: string | number) =>
      space.path('/api/v1', `services/${scheme && `${scheme}:`}proxied:${port}/proxy`);
    const link = (at: string, to: string) => [at, `<a href="${at}/${to}">test</a>`];
    const expected = [
      link(pod('', ''), 'rewriteme'),
      ...['', 'http'].flatMap((scheme) => [
        [service(scheme, 'portname1'), 'foo'],
        [service(scheme, 80), 'foo'],
        [service(scheme, 'portname2'), 'bar'],
        [service(scheme, 81), 'bar'],
        link(pod(scheme, 1080), 'rewriteme'),
        [pod(scheme, 160), 'foo'],
        [pod(scheme, 162), 'bar'],
      ]),
      [service('https', 'tlsportname1'), 'tls baz'],
      [service('https', 443), 'tls baz'],
      [service('https', 'tlsportname2'), 'tls qux'],
      [service('https', 444), 'tls qux'],
      link(pod('https', 443), 'tlsrewriteme'),
      [pod('https', 460), 'tls baz'],
      [pod('https', 462), 'tls qux'],
    ];
    for (let attempt = 0; attempt < 20; attempt++) {
      await Promise.all(expected.map(async ([path, text]) => assert.equal(await space.get(`${path}/`), text, path!)));
    }
  });

  requirement('Service endpoints latency should not be very high', async (space) => {
    const labels = { name: 'svc-latency-rc' };
    const ports = [{ protocol: 'TCP', port: 80 }];
    const { spec } = clientPod();
    await space.ask('POST', space.path('/api/v1', 'replicationcontrollers'), {
      body: { metadata: { name: 'svc-latency-rc' }, spec: { replicas: 1, template: { metadata: { labels }, spec } } },
    });
    await space.until('it runs', pods(space), ({ items }) => items[0]?.status.phase === 'Running');
    using watch = await ApiWatch.open(space, space.path('/apis/discovery.k8s.io/v1', 'endpointslices'));
    const took: number[] = [];
    const measure = async () => {
      const body = { metadata: { generateName: 'latency-svc-' }, spec: { selector: labels, ports } };
      const startMs = realClock.monotonicMs();
      const { metadata } = await space.ask('POST', space.path('/api/v1', 'services'), { body });
      await watch.until(`endpoints of ${metadata.name}`, ({ object }) => {
        const isIts = object.metadata.labels?.['kubernetes.io/service-name'] === metadata.name;
        return isIts && object.endpoints?.length > 0;
      });
      took.push(realClock.monotonicMs() - startMs);
    };
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, measure));
    took.sort((a, b) => a - b);
    assert.equal(took.length, 100);
    assert.ok(took[50]! < 20_000 && took[90]! < 50_000, `${took[50]} and ${took[90]} ms`);
  });
});
