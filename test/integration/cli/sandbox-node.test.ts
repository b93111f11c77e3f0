// What a process sees inside a sandbox node, and what it cannot do to the host from there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { loadCluster } from '../../../cli/cluster-store.ts';
import { defaultRoots, type Layout } from '../../../cli/layout.ts';
import { needsRoot, projectRoot, testCluster } from './k8ts-command.ts';

describe('inside a node', { skip: needsRoot }, () => {
  const cluster = testCluster('node');
  let layout: Layout;
  let pid = 0;
  before(() => {
    const { code, stderr } = cluster.run('up');
    assert.equal(code, 0, stderr);
    layout = loadCluster(cluster.name, defaultRoots)!;
    pid = cluster.pidOf('node');
  });
  after(() => cluster[Symbol.dispose]());

  const inNode = (script: string) => {
    const groups = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(' - cgroup'))
      .map((line) => `${line.split(' ')[4]}/${layout.nodes[0]!.cgroup}/system/cgroup.procs`)
      .filter((file) => existsSync(file));
    const join = groups.map((file) => `echo 0 >${file};`).join(' ');
    const enter = `exec nsenter --target ${pid} --mount --uts --ipc --net --pid --cgroup -- sh -c "$0"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', `${join} ${enter}`, script], { encoding: 'utf8' });
    return `${stdout}${stderr}`.trim();
  };

  test('every namespace is its own', () => {
    for (const kind of ['mnt', 'net', 'pid', 'uts', 'ipc', 'cgroup']) {
      assert.notEqual(readlinkSync(`/proc/${pid}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
    }
  });

  test('pid 1 reaps orphans', () => {
    assert.equal(inNode('(sh -c "exit 0" &); sleep 0.2; ps -eo stat | grep -c Z'), '0');
  });

  const answers = [
    { name: 'its name is its own', script: 'hostname; cat /etc/hostname', expected: () => nodeName(2) },
    { name: 'programs are read-only', script: 'touch /usr/x 2>&1 | grep -c Read-only', expected: () => '1' },
    { name: 'the root is its own', script: 'touch /x && ls -A /home /root', expected: () => '/home:\n\n/root:' },
    { name: '/var is the cluster’s state', script: 'touch /var/probe && echo yes', expected: () => 'yes' },
    { name: 'mounts are shared with what runs inside', script: 'findmnt -no PROPAGATION /', expected: () => 'shared' },
    {
      name: 'control groups begin at the node',
      script: 'cut -d: -f3 /proc/self/cgroup | sort -u',
      expected: () => '/system',
    },
    { name: 'packets are forwarded', script: 'cat /proc/sys/net/ipv4/ip_forward', expected: () => '1' },
    {
      name: 'the program is there',
      script: `test -e ${projectRoot}/dist/bin/k8ts.mjs && echo yes`,
      expected: () => 'yes',
    },
  ];
  const nodeName = (times: number) => Array(times).fill(layout.nodes[0]!.name).join('\n');
  for (const { name, script, expected } of answers) test(name, () => assert.equal(inNode(script), expected()));

  test('a pod address that nobody has goes nowhere', () => {
    const address = layout.podSubnet.replace('.0.0/16', '.0.77');
    assert.match(inNode(`ip route get ${address}`), /No route to host/);
  });

  test('the host reaches pods and services through the node and in no other way', () => {
    const route = (address: string) => spawnSync('ip', ['route', 'get', address], { encoding: 'utf8' }).stdout;
    const [node] = layout.nodes;
    assert.match(route(layout.clusterDns), new RegExp(`via ${node!.address} dev ${layout.bridge}`));
    assert.match(route(layout.podSubnet.replace('.0.0/16', '.0.9')), new RegExp(`via ${node!.address}`));
    assert.equal(route(layout.podSubnet.replace('.0.0/16', '.9.9')), '', 'an address of no node is unreachable');
  });

  test('its processes count in its own control groups', () => {
    assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`/${layout.nodes[0]!.cgroup}/system`));
  });
});
