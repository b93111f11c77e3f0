import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { CgroupTrees } from '../host/cgroups.ts';
import { layoutOf } from '../layout.ts';
import { type HostFacts, nodeCommand, quote, renderBootScript, renderInnerScript } from './boot-script.ts';

const layout = layoutOf({ name: 'a', slot: 2, egress: true });
const node = layout.nodes[0]!;
const version1: CgroupTrees = {
  version: 1,
  hierarchies: [
    { controllers: 'cpu,cpuacct', mountPoint: '/sys/fs/cgroup/cpu,cpuacct' },
    { controllers: 'name=systemd', mountPoint: '/sys/fs/cgroup/systemd' },
    { controllers: '', mountPoint: '/sys/fs/cgroup/unified' },
  ],
};
const version2: CgroupTrees = { version: 2, hierarchies: [{ controllers: '', mountPoint: '/sys/fs/cgroup' }] };
const factsOf = (trees: CgroupTrees): HostFacts => ({
  trees,
  view: { folders: ['/usr', "/tmp/it's: here"], links: [{ path: '/bin', target: 'usr/bin' }] },
  nameServers: ['192.0.2.53'],
  mtu: 1400,
});

describe('scripts', () => {
  for (const trees of [version1, version2]) {
    test(`are valid shell on control groups of version ${trees.version}`, () => {
      for (const script of [renderBootScript, renderInnerScript].map((render) =>
        render(layout, node, factsOf(trees)),
      )) {
        const checked = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
        assert.equal(checked.stderr, '');
      }
    });
  }

  test('version 1: each controller on its own, and no version 2 tree that container runtimes would refuse', () => {
    const script = renderInnerScript(layout, node, factsOf(version1));
    assert.match(script, /mount -t cgroup -o nosuid,nodev,noexec,cpu,cpuacct cgroup .*\/cpu,cpuacct\n/);
    assert.match(script, /ln -s cpu,cpuacct .*\/cpuacct\n/);
    assert.match(script, /none,name=systemd cgroup/);
    assert.doesNotMatch(script, /cgroup2/);
  });

  test('version 2: one mount', () => {
    assert.match(renderInnerScript(layout, node, factsOf(version2)), /mount -t cgroup2 .*cgroup"\n/);
  });

  test('version 2: the group hands controllers down only once the first process has passed through it', () => {
    const script = renderBootScript(layout, node, factsOf(version2));
    const order = ['cgroup.kill', '-$controller', 'unshare --cgroup', '+$controller', 'unshare --mount'];
    const places = order.map((part) => script.indexOf(part));
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
    assert.ok(!places.includes(-1));
  });

  test('folders of the host are layers that cannot be written to, whatever their name', () => {
    const script = renderInnerScript(layout, node, factsOf(version2));
    assert.match(script, /^host_folder \/usr \/usr$/m);
    assert.ok(script.includes(`host_folder '/tmp/it'\\''s: here' '/tmp/it'\\''s\\: here'`));
    assert.match(script, /^link \/bin usr\/bin$/m);
    assert.doesNotMatch(script, /--bind \/ /);
  });

  test('a node cannot send what is for pods or services out by its default route', () => {
    const script = renderInnerScript(layout, node, factsOf(version1));
    assert.match(script, /route add unreachable 10\.98\.0\.0\/16\n/);
    assert.match(script, /route add unreachable 10\.242\.0\.0\/16\n/);
  });
});

test('the command line of a node names its cluster', () => {
  assert.deepEqual(nodeCommand(layout, node), ['k8ts-node a/a-control-plane', '-P']);
});

test('words are quoted for the shell', () => {
  for (const word of ['/plain-path_1.2', "it's", 'a b', '$HOME', '', '`x`']) {
    const echoed = spawnSync('bash', ['-c', `printf %s ${word === '' ? "''" : quote(word)}`], { encoding: 'utf8' });
    assert.equal(echoed.stdout, word);
  }
});
