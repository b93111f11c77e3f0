// Generated DNS packets, and answers of hostile servers, to the cluster's DNS over UDP and TCP,
// while a polite client asks.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { realClock } from '../../machinery/clock.ts';
import { createLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import { decodeQuery, udpLimitOf } from '../../proxy/dns/message.ts';
import { Resolver } from '../../proxy/dns/resolver.ts';
import { DnsServer } from '../../proxy/dns/server.ts';
import { FrameReader, frame } from '../../proxy/dns/tcp-frame.ts';
import { Upstream } from '../../proxy/dns/upstream.ts';
import { type ClusterView, ClusterZone, serviceNameOf } from '../../proxy/dns/zone.ts';
import { buildService, buildSlice } from '../builders/service.ts';
import { type Draw, fuzz, fuzzSeconds } from '../environment/fuzz.ts';

const services = [
  buildService('web', { clusterIP: '10.96.0.20' }),
  buildService('many', { clusterIP: 'None' }),
  buildService('away', { type: 'ExternalName', clusterIP: '', externalName: 'www.example.org' }),
];
const slices = [
  buildSlice(
    'many',
    Array.from({ length: 900 }, (_, i) => `10.244.${i >> 8}.${i & 255}`),
  ),
];
const view: ClusterView = {
  service: (namespace, name) => services.find((s) => s.metadata.name === name && s.metadata.namespace === namespace),
  slicesOf: (namespace, name) => slices.filter((s) => namespace === 'default' && serviceNameOf(s) === name),
  servicesAt: (ip) => services.filter((s) => s.spec.clusterIP === ip),
  slicesAt: (ip) => slices.filter((s) => s.endpoints?.some((e) => e.addresses.includes(ip))),
  hasServices: (namespace) => namespace === 'default',
  serial: () => 1,
};

const answerDeadlineMs = 15_000;
/** What a case, of up to 41 packets, may cost of computing. */
const maxCpuMs = 2_000;

let dns: DnsServer;
let polite: Socket;
let liar: Socket;
let tcpLiar: Server;
/** What the hostile server makes of a query. */
let lie: (query: Buffer) => Buffer[] = () => [];

before(async () => {
  liar = createSocket('udp4').bind(0, '127.0.0.1');
  await once(liar, 'listening');
  liar.on('message', (query: Buffer, { port }) => {
    for (const answer of lie(query)) liar.send(answer.subarray(0, 60_000), port, () => undefined);
  });
  tcpLiar = createServer((socket) => {
    socket.on('error', () => undefined);
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      for (const query of reader.push(chunk))
        for (const answer of lie(query)) socket.write(frame(answer.subarray(0, 60_000)));
    });
  });
  tcpLiar.listen(liar.address().port, '127.0.0.1');
  await once(tcpLiar, 'listening');
  const upstream = { servers: ['127.0.0.1'], port: liar.address().port, clock: realClock, random: realRandom };
  const resolver = new Resolver({
    zone: new ClusterZone(view, { domain: 'cluster.local', dnsAddress: '10.96.0.10' }),
    forwarder: new Upstream(upstream),
    isClusterAddress: (address) => address.startsWith('10.'),
    random: realRandom,
  });
  dns = new DnsServer({
    address: '127.0.0.1',
    port: 0,
    respond: (message, transport) => resolver.respond(message, transport),
    clock: realClock,
    log: createLogger('dns', 'fatal' as never),
  });
  await dns.start();
  polite = createSocket('udp4').bind(0, '127.0.0.2');
  await once(polite, 'listening');
});
after(async () => {
  await dns.stop();
  for (const socket of [polite, liar]) socket.close();
  tcpLiar.close();
});

const names = ['web', 'many', 'away', 'none'].map((name) => `${name}.default.svc.cluster.local`);

function drawPacket(draw: Draw): Buffer {
  const name = draw.of([
    ...names,
    'example.org',
    '',
    `${'a.'.repeat(126)}a`,
    '20.0.96.10.in-addr.arpa',
    'x'.repeat(63),
  ]);
  const type = draw.of(['A', 'AAAA', 'SRV', 'ANY', 'TXT', 'PTR', 'CNAME', 'SOA', 'AXFR', 'OPT'] as const);
  const opt = {
    type: 'OPT' as const,
    name: '.',
    udpPayloadSize: draw.below(65_536),
    extendedRcode: 0,
    ednsVersion: draw.of([0, 0, 0, 1]),
    flags: 0,
    flag_do: false,
    options: [],
  };
  const packet = encode({
    type: 'query',
    id: draw.below(65_536),
    flags: draw.below(32_768) & (draw.chance(0.8) ? 0x0100 : 0x7fff),
    questions: [{ type: type as 'A', name }],
    ...(draw.chance(0.4) ? { additionals: [opt] } : {}),
  });
  return draw.of([
    () => packet,
    () => packet,
    () => draw.mutate(packet),
    () => lyingCounts(draw, packet),
    () => draw.bytes(draw.below(600)),
  ])();
}

/** Thousands of records whose names point at the longest one. */
function lyingCounts(draw: Draw, packet: Buffer): Buffer {
  const header = Buffer.from(packet.subarray(0, 12));
  for (const at of [6, 8, 10]) header.writeUInt16BE(draw.of([0, 1, 5_000, 65_535]), at);
  const name = Buffer.from(`${'\x01a'.repeat(draw.of([1, 126]))}\0`, 'latin1');
  const pointer = Buffer.from([0xc0, draw.of([12, 0, 200, 255])]);
  const record = Buffer.concat([pointer, Buffer.from([0, draw.of([1, 5, 41]), 0, 1, 0, 0, 0, 1, 0, 0])]);
  return Buffer.concat([header, name, Buffer.from([0, 1, 0, 1]), ...Array(draw.of([0, 1, 4_000])).fill(record)]);
}

function drawLies(draw: Draw): typeof lie {
  const seed = draw.below(1_000_000);
  return (query) => {
    const answer = Buffer.from(query);
    answer[2]! |= 0x80;
    const long = Buffer.concat([answer, Buffer.alloc(20_000, seed % 251)]);
    const records = lyingCounts(draw, answer);
    answer.subarray(0, 6).copy(records);
    return draw.of([
      [],
      [answer],
      [long],
      [records],
      [Buffer.alloc(seed % 20)],
      Array(50).fill(draw.mutate(answer)),
      [draw.mutate(long)],
    ]);
  };
}

let nextId = 1;

/** The polite client gets its answer, sent again as a resolver does. */
async function assertServed(): Promise<void> {
  const id = nextId++ & 0xffff;
  const query = encode({ type: 'query', id, questions: [{ type: 'A', name: names[0]! }] });
  const again = realClock.every(1_000, () => polite.send(query, dns.port, '127.0.0.1'));
  try {
    polite.send(query, dns.port, '127.0.0.1');
    for (;;) {
      const [answer] = await once(polite, 'message', { signal: AbortSignal.timeout(answerDeadlineMs) });
      const decoded = decode(answer);
      if (decoded.id !== id) continue;
      assert.deepEqual(
        decoded.answers?.map((a) => ('data' in a ? a.data : '')),
        ['10.96.0.20'],
      );
      return;
    }
  } finally {
    again.cancel();
  }
}

function limitOf(packet: Buffer): number {
  try {
    return udpLimitOf(decodeQuery(packet));
  } catch {
    return 512;
  }
}

/**
 * Sends packets over one connection in pieces of any size, and reads what comes until it ends or
 * nothing is missing.
 */
async function askOverTcp(draw: Draw, packets: readonly Buffer[]): Promise<void> {
  const client = connect(dns.port, '127.0.0.1');
  client.on('error', () => undefined);
  const bytes = Buffer.concat(packets.map((p) => (draw.chance(0.95) ? frame(p) : draw.bytes(4))));
  // After four bytes that are no frame the rest is cut otherwise, perhaps into more messages.
  const asked = new FrameReader().push(bytes).length;
  const reader = new FrameReader();
  let answers = 0;
  const done = new Promise<void>((resolve) => {
    client.on('close', () => resolve());
    client.on('data', (chunk: Buffer) => {
      answers += reader.push(chunk).length;
      if (answers >= asked) resolve();
    });
  });
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + draw.below(bytes.length);
    client.write(bytes.subarray(at, end));
    at = end;
  }
  if (draw.chance(0.5)) client.end();
  await Promise.race([done, realClock.sleep(20)]);
  client.destroy();
  assert.ok(answers <= asked, `${answers} answers to ${asked} queries`);
}

test('no packet breaks the DNS', { timeout: (fuzzSeconds + 60) * 1000 }, async (t) => {
  const client = createSocket('udp4').bind(0, '127.0.0.3');
  await once(client, 'listening');
  t.after(() => client.close());
  // Answers may come late: what a client takes is told by the id of its query.
  const limits = new Map<number, number>();
  const tooLong: number[] = [];
  client.on('message', (answer: Buffer) => {
    if (answer.length > (limits.get(answer.readUInt16BE(0)) ?? 0)) tooLong.push(answer.length);
  });
  await fuzz(async (draw) => {
    lie = drawLies(draw);
    const packet = drawPacket(draw);
    const cpu = process.cpuUsage();
    if (draw.chance(0.7)) {
      const id = packet.length < 2 ? 0 : packet.readUInt16BE(0);
      limits.set(id, Math.max(limitOf(packet), limits.get(id) ?? 0));
      client.send(packet, dns.port, '127.0.0.1');
    } else {
      await askOverTcp(draw, [packet, ...draw.many(40, () => drawPacket(draw))]);
    }
    await assertServed();
    const { user } = process.cpuUsage(cpu);
    assert.ok(user / 1000 < maxCpuMs, `${user / 1000} ms of computing`);
    assert.deepEqual(tooLong, [], `longer than the client takes: ${packet.toString('base64')}`);
  });
});
