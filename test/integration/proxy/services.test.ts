// Services as packets see them: real rules, real sockets, the real proxy process.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { dnsAddress, hostIp, missingForProxy, nodeIp, podIps, TestNet, until } from './test-net.ts';

interface Socket {
  ip: string;
  port: number;
}

/** A TCP segment with numbers out of nowhere. */
function strayAck(from: Socket, to: Socket): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(from.port, 0);
  segment.writeUInt16BE(to.port, 2);
  segment.writeUInt32BE(0x7123_4567, 4);
  segment.writeUInt32BE(0x6123_4567, 8);
  segment.writeUInt16BE(0x5010, 12); // five words of header; ACK
  segment.writeUInt16BE(1_000, 14);
  const pseudo = Buffer.from([...`${from.ip}.${to.ip}`.split('.').map(Number), 0, 6, 0, segment.length]);
  let sum = 0;
  for (const bytes of [pseudo, segment]) for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  segment.writeUInt16BE(~sum & 0xffff, 16);
  return segment;
}

const skip = missingForProxy() ?? false;
const web = [{ port: 8080, protocol: 'TCP' }];

describe('services', { skip, timeout: 120_000 }, () => {
  let net: TestNet;
  before(async () => {
    net = await TestNet.start();
  });
  after(() => net?.[Symbol.asyncDispose]());

  const serversOf = async (ask: () => Promise<string>, count = 16) => {
    const answers = await Promise.all(Array.from({ length: count }, ask));
    return new Set(answers.map((text) => text.split(' ')[0]));
  };

  test('a cluster IP spreads connections, from pods, the node and the host', async () => {
    const { spec } = await net.service('web', { ports: [{ port: 80 }] });
    await net.endpoints('web', [0, 1], web);
    const vip = spec.clusterIP;
    await until(
      'web',
      () => net.pods[0].tcp(vip, 80),
      (text) => text.startsWith('pod'),
    );
    for (const place of [net.pods[0], net.pods[1], net.node, net.host]) {
      assert.deepEqual([...(await serversOf(() => place.tcp(vip, 80), 24))].sort(), ['pod0', 'pod1']);
    }
    // Who asks is seen by the server: pods and the host under their own address, the node under its own.
    const clientsOf = async (place: typeof net.host) =>
      new Set((await Promise.all([1, 2, 3, 4].map(() => place.tcp(vip, 80)))).map((text) => text.split(' ')[1]));
    assert.deepEqual(await clientsOf(net.host), new Set([hostIp]));
    assert.deepEqual(await clientsOf(net.node), new Set([nodeIp]));
  });

  test('a pod reaches itself through its service', async () => {
    const { spec } = await net.service('self', { ports: [{ port: 80 }] });
    await net.endpoints('self', [0], web);
    const text = await until(
      'self',
      () => net.pods[0].tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod0'),
    );
    assert.notEqual(text, `pod0 ${podIps[0]}`); // masqueraded, or the answer would not find its way
    assert.equal(await net.pods[1].tcp(spec.clusterIP, 80), `pod0 ${podIps[1]}`);
  });

  test('without endpoints connections are refused at once, and so are addresses of no service', async () => {
    const { spec } = await net.service('empty', {
      ports: [{ port: 80 }, { port: 81, protocol: 'UDP', name: 'u' }].map((p, i) => ({ name: `p${i}`, ...p })),
      type: 'NodePort',
    });
    const nodePort = spec.ports[0].nodePort;
    await until(
      'empty',
      async () => net.node.run('nft', ['list', 'table', 'ip', 'k8ts-proxy']),
      // The protocol goes by its number where the machine has no /etc/protocols.
      (t) => new RegExp(`${spec.clusterIP} \\. (tcp|6) \\. 80`).test(t),
    );
    const started = realClock.monotonicMs();
    for (const [name, place] of Object.entries({ pod: net.pods[0], node: net.node, host: net.host })) {
      assert.equal(await place.tcp(spec.clusterIP, 80), 'ECONNREFUSED', name);
      // The kernel makes no ICMP message for a packet of its own that it refuses on the way out;
      // the sender hears of it directly.
      assert.equal(await place.udp(spec.clusterIP, 81), name === 'node' ? 'EPERM' : 'ECONNREFUSED', name);
      assert.equal(await place.tcp('10.96.200.200', 80), 'ECONNREFUSED');
      assert.equal(await place.tcp(nodeIp, nodePort), 'ECONNREFUSED');
      assert.equal(await place.tcp(dnsAddress, 80), 'ECONNREFUSED');
    }
    // Many in a row: resets are not subject to the kernel's limit on ICMP messages.
    const many = await Promise.all(Array.from({ length: 50 }, () => net.pods[0].tcp(spec.clusterIP, 80)));
    assert.deepEqual(new Set(many), new Set(['ECONNREFUSED']));
    assert.ok(realClock.monotonicMs() - started < 3_000);
  });

  test('a node port answers on the address of the node', async () => {
    const { spec } = await net.service('ported', { type: 'NodePort', ports: [{ port: 80 }] });
    await net.endpoints('ported', [0, 1], web);
    const { nodePort } = spec.ports[0];
    await until(
      'ported',
      () => net.host.tcp(nodeIp, nodePort),
      (t) => t.startsWith('pod'),
    );
    for (const place of [net.host, net.node, net.pods[0]]) {
      assert.deepEqual([...(await serversOf(() => place.tcp(nodeIp, nodePort)))].sort(), ['pod0', 'pod1']);
    }
    assert.match(await net.host.tcp(nodeIp, nodePort), new RegExp(`${nodeIp}$`)); // the answer has to come back here
  });

  test('the Local policy keeps the source address', async () => {
    const { spec } = await net.service('kept', {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80 }],
    });
    await net.endpoints('kept', [1], web);
    const { nodePort } = spec.ports[0];
    await until(
      'kept',
      () => net.host.tcp(nodeIp, nodePort),
      (t) => t === `pod1 ${hostIp}`,
    );
    assert.match(await net.pods[0].tcp(nodeIp, nodePort), /^pod1 /);
    assert.match(await net.node.tcp(nodeIp, nodePort), /^pod1 /);
  });

  test('a load balancer learns whether the node has endpoints', async () => {
    const healthCheckNodePort = 32_123;
    await net.service('asked', {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort,
      ports: [{ port: 80 }],
    });
    const send = Buffer.from('GET /healthz HTTP/1.0\r\n\r\n').toString('base64');
    const ask = async () => {
      const { data, error } = await net.host.ask({ op: 'tcp', host: nodeIp, port: healthCheckNodePort, send });
      return error ?? Buffer.from(data!, 'base64').toString().split('\r\n')[0]!;
    };
    await until('none', ask, (line) => line.includes('503'));
    await net.endpoints('asked', [0], web);
    await until('one', ask, (line) => line.includes('200'));
    await net.api.request('DELETE', '/api/v1/namespaces/default/services/asked');
    await until('gone', ask, (line) => line === 'ECONNREFUSED');
  });

  test('session affinity keeps a client with its endpoint', async () => {
    const { spec } = await net.service('sticky', { sessionAffinity: 'ClientIP', ports: [{ port: 80 }] });
    await net.endpoints('sticky', [0, 1], web);
    await until(
      'sticky',
      () => net.host.tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod'),
    );
    for (const place of [net.host, net.node]) {
      assert.equal((await serversOf(() => place.tcp(spec.clusterIP, 80), 1)).size, 1);
      assert.equal((await serversOf(() => place.tcp(spec.clusterIP, 80), 20)).size, 1);
    }
    const places = [net.host, net.node, ...net.pods];
    const servers = async () =>
      (await Promise.all(places.map((place) => place.tcp(spec.clusterIP, 80)))).map((t) => t.split(' ')[0]);
    const before = await servers();
    for (let i = 0; i < 2; i++) {
      await net.killProxy();
      await net.startProxy();
      assert.deepEqual(await servers(), before);
    }
  });

  test('a UDP client that keeps its port follows a change of endpoints', async () => {
    const { spec } = await net.service('talk', { ports: [{ port: 90, protocol: 'UDP' }] });
    const ports = [{ port: 8080, protocol: 'UDP' }];
    await net.endpoints('talk', [0], ports);
    const ask = () => net.host.udp(spec.clusterIP, 90, 45_678);
    await until('talk', ask, (t) => t.startsWith('pod0'));
    await net.endpoints('talk', [1], ports);
    await until('talk moves', ask, (t) => t.startsWith('pod1'));
  });

  test('and one that was made while the proxy was away', async () => {
    const { spec } = await net.service('chat', { ports: [{ port: 90, protocol: 'UDP' }] });
    const ports = [{ port: 8080, protocol: 'UDP' }];
    await net.endpoints('chat', [0], ports);
    const ask = () => net.host.udp(spec.clusterIP, 90, 45_679);
    await until('chat', ask, (t) => t.startsWith('pod0'));
    await net.killProxy();
    await net.endpoints('chat', [1], ports);
    await net.startProxy();
    await until('chat moves', ask, (t) => t.startsWith('pod1'));
  });

  test('a UDP client that was there before an external address meant anything reaches it', async () => {
    const ask = () => net.pods[1].udp('198.51.100.9', 90, 45_680);
    assert.equal(await ask(), 'ETIMEDOUT'); // nobody out there; but the kernel remembers the flow
    await net.service('beyond', { ports: [{ port: 90, protocol: 'UDP' }], externalIPs: ['198.51.100.9'] });
    await net.endpoints('beyond', [0], [{ port: 8080, protocol: 'UDP' }]);
    await until('beyond', ask, (t) => t.startsWith('pod0'));
  });

  test('packets that belong to no connection do not reach a pod under the address of another', async () => {
    const { spec } = await net.service('strict', { ports: [{ port: 80 }] });
    await net.endpoints('strict', [0], web);
    await until(
      'strict',
      () => net.pods[1].tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod0'),
    );
    const port = 45_681;
    net.pods[1].run('socat', ['-u', `TCP:${spec.clusterIP}:80,sourceport=${port}`, 'STDOUT']);
    const counter = `table ip strays { chain in { type filter hook input priority 0; ip saddr ${podIps[0]} counter; }; }`;
    net.pods[1].run('nft', ['-f', '-'], counter);
    // Far from where the connection is: the kernel does not translate it back, and the client would
    // answer with a reset.
    const stray = strayAck({ ip: podIps[0], port: 8080 }, { ip: podIps[1], port });
    net.pods[0].run('socat', ['-u', 'STDIN', `IP4-SENDTO:${podIps[1]}:6`], stray);
    await realClock.sleep(100);
    const seen = net.pods[1].run('nft', ['list', 'table', 'ip', 'strays']);
    net.pods[1].run('nft', ['delete', 'table', 'ip', 'strays']);
    assert.match(seen, /counter packets 0 /);
  });

  test('external addresses are served, those of a load balancer to whom they are for', async () => {
    const { spec } = await net.service('outer', {
      type: 'LoadBalancer',
      ports: [{ port: 80 }],
      externalIPs: ['198.51.100.7'],
      loadBalancerSourceRanges: [`${podIps[1]}/32`, '10.244.0.0/28', '203.0.113.0/24'],
    });
    const path = '/api/v1/namespaces/default/services/outer/status';
    const status = { loadBalancer: { ingress: [{ ip: '198.51.100.8' }] } };
    const patched = await net.api.request('PATCH', path, {
      body: { status },
      contentType: 'application/merge-patch+json',
    });
    assert.equal(patched.status, 200);
    await net.endpoints('outer', [0], web);
    await until(
      'outer',
      () => net.pods[1].tcp('198.51.100.8', 80),
      (t) => t.startsWith('pod0'),
    );
    assert.match(await net.pods[1].tcp(spec.clusterIP, 80), /^pod0/);
    assert.match(await net.node.tcp('198.51.100.7', 80), /^pod0/);
    assert.equal(await net.node.tcp('198.51.100.8', 80), 'ETIMEDOUT');
  });

  test('a change of endpoints is in the kernel within milliseconds', async (t) => {
    const { spec } = await net.service('quick', { ports: [{ port: 80 }] });
    await net.endpoints('quick', [0], web);
    await until(
      'quick',
      () => net.host.tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod0'),
    );
    const took: number[] = [];
    for (const pod of [1, 0, 1, 0, 1] as const) {
      await net.endpoints('quick', [pod], web);
      const started = realClock.monotonicMs();
      await until(
        'quick',
        () => net.host.tcp(spec.clusterIP, 80),
        (t) => t.startsWith(`pod${pod}`),
      );
      took.push(realClock.monotonicMs() - started);
    }
    took.sort((a, b) => a - b);
    assert.ok(took[2]! < 100, `median ${took[2]} ms`);
    t.diagnostic(`endpoint change to answer, ms: ${took.map(Math.round).join(' ')}`);
  });

  test('SIGKILL and a new start lose no connection', async () => {
    const { spec } = await net.service('steady', { ports: [{ port: 80 }] });
    await net.endpoints('steady', [0, 1], web);
    await until(
      'steady',
      () => net.host.tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod'),
    );
    let isOver = false;
    const answers: string[] = [];
    const ask = async (place: typeof net.host) => {
      while (!isOver) answers.push(await place.tcp(spec.clusterIP, 80));
    };
    const clients = [ask(net.host), ask(net.pods[0]), ask(net.node)];
    for (let i = 0; i < 2; i++) {
      await net.killProxy();
      await realClock.sleep(100);
      await net.startProxy();
    }
    isOver = true;
    await Promise.all(clients);
    assert.ok(answers.length > 100);
    assert.deepEqual(
      answers.filter((text) => !text.startsWith('pod')),
      [],
    );
  });

  test('rules of a deleted service are gone', async () => {
    const { spec } = await net.service('gone', { ports: [{ port: 80 }] });
    await net.endpoints('gone', [0], web);
    await until(
      'gone',
      () => net.host.tcp(spec.clusterIP, 80),
      (t) => t.startsWith('pod0'),
    );
    await net.api.request('DELETE', '/api/v1/namespaces/default/services/gone');
    await until(
      'gone',
      () => net.host.tcp(spec.clusterIP, 80),
      (t) => t === 'ECONNREFUSED',
    );
  });
});
