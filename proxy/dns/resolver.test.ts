// Names and what they answer: one table of questions to a small cluster.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DecodedPacket, decode, encode, type Packet, type RecordType, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Service } from '../../api/core/service.ts';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import { buildService, buildSlice } from '../../test/builders/service.ts';
import { Resolver } from './resolver.ts';
import { type ClusterView, ClusterZone, serviceNameOf } from './zone.ts';

const ports = (...rows: [string, number, string][]) =>
  rows.map(([name, port, protocol]) => ({ name, port, protocol, targetPort: port }));

const services: Service[] = [
  buildService('kubernetes', { clusterIP: '10.96.0.1', ports: ports(['https', 443, 'TCP']) }),
  buildService('web', { clusterIP: '10.96.0.20', ports: ports(['http', 80, 'TCP'], ['dns', 53, 'UDP']) }),
  buildService('db', { clusterIP: 'None', ports: ports(['sql', 5432, 'TCP']) }),
  buildService('late', { clusterIP: 'None', publishNotReadyAddresses: true, ports: [] }),
  buildService('idle', { clusterIP: 'None' }),
  buildService('alias', { type: 'ExternalName', clusterIP: '', externalName: 'web.default.svc.cluster.local.' }),
  buildService('away', { type: 'ExternalName', clusterIP: '', externalName: 'www.example.org' }),
  buildService('big', { type: 'ExternalName', clusterIP: '', externalName: 'big.example.org' }),
  buildService('round', { type: 'ExternalName', clusterIP: '', externalName: 'round.default.svc.cluster.local' }),
];
const notReady = { ready: false };
const slices = [
  buildSlice('web', ['10.244.0.9']),
  buildSlice(
    'db',
    [{ ip: '10.244.0.2', hostname: 'db-0' }, '10.244.0.3', { ip: '10.244.0.4', conditions: notReady }],
    [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  ),
  buildSlice('late', [{ ip: '10.244.0.5', conditions: notReady }], []),
  buildSlice('idle', [{ ip: '10.244.0.6', conditions: notReady }]),
];

const view: ClusterView = {
  service: (namespace, name) => services.find((s) => s.metadata.name === name && s.metadata.namespace === namespace),
  slicesOf: (namespace, name) => slices.filter((s) => namespace === 'default' && serviceNameOf(s) === name),
  servicesAt: (ip) => services.filter((s) => s.spec.clusterIP === ip),
  slicesAt: (ip) => slices.filter((s) => s.endpoints?.some((e) => e.addresses.includes(ip))),
  hasServices: (namespace) => namespace === 'default',
  serial: () => 1,
};

type Answer = DecodedPacket & { rcode: string };
let forwarded: string[] = [];

const resolver = new Resolver({
  zone: new ClusterZone(view, { domain: 'Cluster.local', dnsAddress: '10.96.0.10' }),
  forwarder: {
    async forward(message, transport) {
      const { questions, id } = decode(message);
      const { name, type } = questions![0]!;
      forwarded.push(`${name} ${type}`);
      if (name === 'huge.example.org') {
        const answers = Array.from({ length: 100 }, () => ({ name, type: 'A' as const, ttl: 60, data: '192.0.2.1' }));
        return encode({ type: 'response', id: id!, questions: questions!, answers });
      }
      if (name === 'big.example.org') {
        const addresses = transport === 'udp' ? ['192.0.2.1'] : ['192.0.2.1', '192.0.2.2'];
        return encode({
          type: 'response',
          id: id!,
          flags: transport === 'udp' ? TRUNCATED_RESPONSE : 0,
          questions: questions!,
          answers: addresses.map((data) => ({ name, type: 'A', ttl: 60, data })),
        });
      }
      if (name !== 'www.example.org') return undefined;
      return encode({
        type: 'response',
        id: id!,
        questions: questions!,
        answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.1' }],
      });
    },
  },
  isClusterAddress: (address) => address.startsWith('10.'),
  random: seededRandom(1),
});

async function ask(packet: Partial<Packet>, transport: 'udp' | 'tcp' = 'udp'): Promise<Answer> {
  forwarded = [];
  const message = encode({ type: 'query', id: 9, flags: 256, ...packet });
  return decode((await resolver.respond(message, transport))!) as Answer;
}

const show = (data: unknown): string => {
  if (Buffer.isBuffer(data)) return data.toString();
  if (Array.isArray(data)) return data.map(show).join(' ');
  if (typeof data !== 'object' || data === null) return String(data);
  const { priority, weight, port, target, mname } = data as Record<string, unknown>;
  return mname ? `SOA ${mname}` : `${priority} ${weight} ${port} ${target}`;
};

const d = 'default.svc.cluster.local';
const nothing: string[] = [];
const rows: [question: string, rcode: string, answers: string[]][] = [
  [`web.${d} A`, 'NOERROR', ['30 A 10.96.0.20']],
  [`web.${d} AAAA`, 'NOERROR', nothing],
  [`nope.${d} A`, 'NXDOMAIN', nothing],
  [`nope.${d} AAAA`, 'NXDOMAIN', nothing],
  ['web.other.svc.cluster.local A', 'NXDOMAIN', nothing],
  [`db.${d} A`, 'NOERROR', ['5 A 10.244.0.2', '5 A 10.244.0.3']],
  [`late.${d} A`, 'NOERROR', ['5 A 10.244.0.5']],
  [`idle.${d} A`, 'NXDOMAIN', nothing],
  [`db-0.db.${d} A`, 'NOERROR', ['5 A 10.244.0.2']],
  [`10-244-0-3.db.${d} A`, 'NOERROR', ['5 A 10.244.0.3']],
  [`10-244-0-2.db.${d} A`, 'NXDOMAIN', nothing],
  [`10-244-0-9.web.${d} A`, 'NOERROR', ['5 A 10.244.0.9']],
  [`x.db-0.db.${d} A`, 'NXDOMAIN', nothing],
  [`_sql._tcp.db.${d} SRV`, 'NOERROR', [`5 SRV 0 50 5432 10-244-0-3.db.${d}`, `5 SRV 0 50 5432 db-0.db.${d}`]],
  [`_http._tcp.web.${d} SRV`, 'NOERROR', [`30 SRV 0 100 80 web.${d}`]],
  [`_http._udp.web.${d} SRV`, 'NXDOMAIN', nothing],
  [`_http._tcp.web.${d} A`, 'NOERROR', nothing],
  [`_tcp.web.${d} SRV`, 'NOERROR', nothing],
  [`_sctp.web.${d} SRV`, 'NXDOMAIN', nothing],
  [`web.${d} SRV`, 'NOERROR', [`30 SRV 0 50 53 web.${d}`, `30 SRV 0 50 80 web.${d}`]],
  [`alias.${d} A`, 'NOERROR', ['30 A 10.96.0.20', `30 CNAME web.${d}`]],
  [`alias.${d} CNAME`, 'NOERROR', [`30 CNAME web.${d}`]],
  [`away.${d} A`, 'NOERROR', ['30 CNAME www.example.org', '60 A 192.0.2.1']],
  [`big.${d} A`, 'NOERROR', ['30 CNAME big.example.org', '60 A 192.0.2.1', '60 A 192.0.2.2']],
  [`away.${d} MX`, 'NOERROR', ['30 CNAME www.example.org']],
  [`round.${d} A`, 'SERVFAIL', nothing],
  ['20.0.96.10.in-addr.arpa PTR', 'NOERROR', [`5 PTR web.${d}`]],
  ['2.0.244.10.in-addr.arpa PTR', 'NOERROR', [`5 PTR db-0.db.${d}`]],
  ['9.0.244.10.in-addr.arpa PTR', 'NXDOMAIN', nothing],
  ['10-244-0-77.default.pod.cluster.local A', 'NOERROR', ['5 A 10.244.0.77']],
  ['10-244-0.default.pod.cluster.local A', 'NXDOMAIN', nothing],
  ['default.pod.cluster.local A', 'NOERROR', nothing],
  ['cluster.local SOA', 'NOERROR', ['5 SOA SOA ns.dns.cluster.local']],
  ['cluster.local NS', 'NOERROR', ['30 NS ns.dns.cluster.local']],
  ['cluster.local A', 'NOERROR', nothing],
  ['ns.dns.cluster.local A', 'NOERROR', ['30 A 10.96.0.10']],
  ['dns-version.cluster.local TXT', 'NOERROR', ['30 TXT 1.1.0']],
  ['svc.cluster.local A', 'NOERROR', nothing],
  [`${d} A`, 'NOERROR', nothing],
  ['other.svc.cluster.local A', 'NXDOMAIN', nothing],
  ['x.cluster.local A', 'NXDOMAIN', nothing],
];

describe('what a name answers', () => {
  for (const [question, rcode, answers] of rows) {
    test(question, async () => {
      const [name = '', type = ''] = question.split(' ');
      const answer = await ask({ questions: [{ name, type: type as RecordType }] });
      assert.equal(answer.rcode, rcode);
      const shown = answer.answers!.map((a) =>
        'data' in a ? `${'ttl' in a ? a.ttl : ''} ${a.type} ${show(a.data)}` : '',
      );
      assert.deepEqual(shown.sort(), [...answers].sort());
      // Whoever gets nothing is told for how long that holds.
      const negative = answers.length === 0 && rcode !== 'SERVFAIL';
      assert.deepEqual(
        answer.authorities!.map((a) => a.type),
        negative ? ['SOA'] : [],
      );
      assert.equal(answer.flag_aa, rcode !== 'SERVFAIL');
    });
  }
});

test('servers come with their addresses', async () => {
  const answer = await ask({ questions: [{ name: `_sql._tcp.db.${d}`, type: 'SRV' }] }, 'tcp');
  assert.deepEqual(answer.additionals!.map((a) => ('data' in a ? a.data : '')).sort(), ['10.244.0.2', '10.244.0.3']);
});

test('many servers cost no more than they are', async () => {
  const many = Array.from({ length: 2_000 }, (_, i) => `10.245.${i >> 8}.${i & 255}`);
  services.push(buildService('many', { clusterIP: 'None', ports: ports(['sql', 5432, 'TCP']) }));
  slices.push(buildSlice('many', many, [{ name: 'sql', port: 5432, protocol: 'TCP' }]));
  const started = performance.now();
  const answer = await ask({ questions: [{ name: `_sql._tcp.many.${d}`, type: 'SRV' }] });
  assert.ok(answer.flag_tc);
  assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`);
});

test('letters keep their size', async () => {
  const answer = await ask({ questions: [{ name: 'WEB.Default.sVc.cluster.LOCAL', type: 'A' }] });
  assert.equal(answer.answers![0]!.name, 'WEB.Default.sVc.cluster.LOCAL');
  assert.equal(answer.questions![0]!.name, 'WEB.Default.sVc.cluster.LOCAL');
});

describe('names of others', () => {
  test('are asked for, and the answer passed on', async () => {
    const answer = await ask({ questions: [{ name: 'www.example.org', type: 'A' }] });
    assert.deepEqual(forwarded, ['www.example.org A']);
    assert.equal(answer.id, 9);
    assert.equal('data' in answer.answers![0]! && answer.answers![0].data, '192.0.2.1');
  });
  test('fail when nobody answers', async () => {
    assert.equal((await ask({ questions: [{ name: 'example.com', type: 'A' }] })).rcode, 'SERVFAIL');
  });
  test('names of the cluster are never asked for', async () => {
    await ask({ questions: [{ name: `nope.${d}`, type: 'A' }] });
    await ask({ questions: [{ name: '1.2.3.10.in-addr.arpa', type: 'PTR' }] });
    assert.deepEqual(forwarded, []);
  });
});

describe('what is not served', () => {
  const question = { name: `web.${d}`, type: 'A' } as const;
  const opt: NonNullable<Packet['additionals']>[number] = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 1,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const cases: [string, Partial<Packet>, string][] = [
    ['another operation', { flags: 4 << 11, questions: [question] }, 'NOTIMP'],
    ['another class', { questions: [{ ...question, class: 'CH' }] }, 'REFUSED'],
    ['a transfer', { questions: [{ name: 'cluster.local', type: 'AXFR' }] }, 'REFUSED'],
    ['no question', { questions: [] }, 'FORMERR'],
    ['two questions', { questions: [question, question] }, 'FORMERR'],
    ['a later EDNS', { questions: [question], additionals: [opt] }, 'NOERROR'], // the rest of the code is in the OPT record
  ];
  for (const [name, packet, rcode] of cases) {
    test(name, async () => {
      const answer = await ask(packet);
      assert.equal(answer.rcode, rcode);
      assert.equal(answer.answers!.length, 0);
    });
  }
  test('responses and scraps get no answer', async () => {
    const response = encode({ type: 'response', id: 1, questions: [question] });
    assert.equal(await resolver.respond(response, 'udp'), undefined);
    assert.equal(await resolver.respond(Buffer.alloc(11), 'udp'), undefined);
  });
});

test('an answer of others that is longer than the client takes is to be asked for over TCP', async () => {
  const questions = [{ type: 'A' as const, name: 'huge.example.org' }];
  const short = await ask({ questions });
  assert.deepEqual([short.flag_tc, short.answers, short.questions?.[0]?.name], [true, [], 'huge.example.org']);
  const long = await ask({ questions }, 'tcp');
  assert.deepEqual([long.flag_tc, long.answers?.length], [false, 100]);
});

test('a service of thousands of ports and endpoints holds up nobody', async () => {
  const all = Array.from({ length: 5_000 }, (_, i): [string, number, string] => [`p${i}`, i + 1, 'TCP']);
  const service = buildService('vast', { clusterIP: 'None', ports: ports(...all) });
  const addresses = Array.from({ length: 200 }, (_, i) => `10.244.7.${i}`);
  const own = { service: () => service, slicesOf: () => [buildSlice('vast', addresses, service.spec.ports as any)] };
  const zone = new ClusterZone({ ...view, ...own }, { domain: 'cluster.local', dnsAddress: '10.96.0.10' });
  const name = 'vast.default.svc.cluster.local';
  const startMs = performance.now();
  assert.equal(zone.lookup(name, false)?.length, 200);
  assert.equal(zone.lookup(name)?.length, 200 + 8192);
  assert.equal(zone.lookup(`_p7._tcp.${name}`)?.length, 200);
  assert.ok(performance.now() - startMs < 500); // a million records take seconds
});
