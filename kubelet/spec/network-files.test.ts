import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { buildDnsConfig, faultOfResolvConf, parseResolvConf } from './dns.ts';
import { podHostname, renderHostNetworkHosts, renderPodHosts } from './hosts-file.ts';

const podOf = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'p', namespace: 'ns' },
  spec: { containers: [], dnsPolicy: 'ClusterFirst', ...spec },
  status: {},
});
const settings = {
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  node: parseResolvConf('# a comment\nnameserver 1.1.1.1\nsearch example.internal.\noptions timeout:2\n'),
  warnOfNode: () => undefined,
};
const cluster = ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.internal'];
const node = { servers: ['1.1.1.1'], searches: ['example.internal'], options: ['timeout:2'] };

const long = Array.from({ length: 11 }, (_, i) => String(i).padStart(200, 'a'));

const cases: { name: string; spec: Partial<Pod['spec']>; want: object }[] = [
  { name: 'ClusterFirst', spec: {}, want: { servers: ['10.96.0.10'], searches: cluster, options: ['ndots:5'] } },
  { name: 'on the node network', spec: { hostNetwork: true }, want: node },
  {
    name: 'ClusterFirstWithHostNet',
    spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    want: { servers: ['10.96.0.10'], searches: cluster, options: ['ndots:5'] },
  },
  { name: 'Default', spec: { dnsPolicy: 'Default' }, want: node },
  {
    name: 'None with its own',
    spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['8.8.8.8'] } },
    want: { servers: ['8.8.8.8'], searches: [], options: [] },
  },
  {
    name: 'options of the pod win',
    spec: { dnsConfig: { searches: ['extra.example'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } },
    want: { servers: ['10.96.0.10'], searches: [...cluster, 'extra.example'], options: ['ndots:2', 'edns0'] },
  },
  {
    name: 'domains that are too long, and too many',
    spec: { dnsPolicy: 'None', dnsConfig: { searches: ['a'.repeat(254), ...long] } },
    want: { servers: [], searches: long.slice(0, 10), options: [] },
  },
];

describe('buildDnsConfig', () => {
  for (const { name, spec, want } of cases)
    test(name, () =>
      assert.deepEqual(
        buildDnsConfig(podOf(spec), settings, () => undefined),
        want,
      ),
    );
});

test('what of the resolver configuration a pod does not get is told', () => {
  const told = (spec: Partial<Pod['spec']>, more = {}) => {
    const out: string[] = [];
    const warnOfNode = (...words: string[]) => out.push(`node: ${words.join(' ')}`);
    buildDnsConfig(podOf(spec), { ...settings, warnOfNode, ...more }, (...words) => out.push(words.join(' ')));
    return out;
  };
  const none = (dnsConfig: object) => ({ dnsPolicy: 'None' as const, dnsConfig });
  assert.deepEqual(told({}), []);
  assert.deepEqual(told(none({ nameservers: ['1.1.1.1', '2.2.2.2', '1.1.1.1', '3.3.3.3', '4.4.4.4'] })), [
    'DNSConfigForming Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3',
  ]);
  assert.deepEqual(told(none({ searches: ['a.b', 'a'.repeat(254)] })), [
    'DNSConfigForming Search Line limits were exceeded, some search paths have been omitted, the applied search line is: a.b',
  ]);
  assert.deepEqual(told({}, { clusterDns: '' }), [
    'node: MissingClusterDNS kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
    'MissingClusterDNS pod: "p_ns()". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
  ]);
  assert.deepEqual(told({ hostNetwork: true }, { clusterDns: '' }), []);
});

test('what of its own file a node cannot give to pods is told', () => {
  const fault = (...searches: string[]) =>
    faultOfResolvConf('/r', { ...settings, node: parseResolvConf(`search ${searches.join(' ')}`) });
  const many = Array.from({ length: 30 }, (_, i) => `d${i}`);
  assert.deepEqual(
    [fault('.', ...many.slice(2)), fault(...many), fault('a'.repeat(254)), fault(...long)],
    [
      undefined,
      "Resolv.conf file '/r' contains search line consisting of more than 29 domains!",
      'Resolv.conf file "/r" contains a search path which length is more than allowed 253 chars!',
      "Resolv.conf file '/r' contains search line which length is more than allowed 2048 chars!",
    ],
  );
});

test('the root as a search domain is kept', () => {
  assert.deepEqual(parseResolvConf('search . a.b.').searches, ['.', 'a.b']);
});

test('options of the node may stand in several lines', () => {
  const { options } = parseResolvConf('options ndots:1 attempts:2\noptions ndots:5 rotate\n');
  assert.deepEqual(options, ['ndots:5', 'attempts:2', 'rotate']);
});

test('/etc/hosts of a pod', () => {
  const pod = podOf({
    hostname: 'myhost',
    subdomain: 'mysub',
    hostAliases: [{ ip: '10.1.2.3', hostnames: ['foo.local', 'bar.local'] }],
  });
  assert.equal(
    renderPodHosts(pod, ['10.1.0.2'], 'cluster.local'),
    '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
      'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n' +
      '10.1.0.2\tmyhost.mysub.ns.svc.cluster.local\tmyhost\n' +
      '\n# Entries added by HostAliases.\n10.1.2.3\tfoo.local\tbar.local\n',
  );
  const hosts = renderHostNetworkHosts(podOf({}), '127.0.0.1 localhost\n');
  assert.equal(hosts, '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n');
});

test('a long name is cut where a host name ends', () => {
  const pod = { ...podOf({}), metadata: { name: `${'a'.repeat(62)}-rest`, namespace: 'ns' } };
  assert.equal(podHostname(pod, 'cluster.local').hostname, 'a'.repeat(62));
  const named = podOf({ hostnameOverride: 'b'.repeat(64), subdomain: 'sub' });
  assert.deepEqual(podHostname(named, 'cluster.local'), { hostname: 'b'.repeat(63), domain: '' });
});
