// Firewalls that drop what they do not know, as people have them: on before `up`, and switched on, loaded anew and in
// the way while a cluster runs. On a private machine with a bit of world beyond it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../environment/kubectl.ts';
import { PrivateMachine } from '../../environment/private-machine.ts';
import { clusterNameFor, needsRoot, projectRoot } from './k8ts-command.ts';

const established = 'ct state established,related accept; ct state invalid drop';

/** Rulesets with the bones of the real ones. */
const firewalls = {
  ufw: `table ip filter {
    chain ufw-before-input { iifname "lo" accept; ${established}; icmp type echo-request accept; }
    chain ufw-before-forward { ${established}; icmp type echo-request accept; }
    chain INPUT { type filter hook input priority filter; policy drop; jump ufw-before-input; }
    chain FORWARD { type filter hook forward priority filter; policy drop; jump ufw-before-forward; }
  }`,
  firewalld: `table inet firewalld {
    chain filter_INPUT {
      type filter hook input priority filter + 10; policy accept;
      ${established}; iifname "lo" accept; reject with icmpx admin-prohibited;
    }
    chain filter_FORWARD {
      type filter hook forward priority filter + 10; policy accept;
      ${established}; iifname "lo" accept; reject with icmpx admin-prohibited;
    }
  }`,
  docker: `table ip filter {
    chain DOCKER-USER { counter return; }
    chain FORWARD {
      type filter hook forward priority filter; policy drop;
      jump DOCKER-USER; oifname "docker0" ct state established,related accept; iifname "docker0" accept;
    }
  }`,
};

type Firewall = keyof typeof firewalls;
const names = Object.keys(firewalls) as Firewall[];

const launcher = join(projectRoot, 'k8ts');
const world = '192.0.2.2';
const hostPort = 8022;

describe('firewalls of the host', { skip: needsRoot }, () => {
  const name = clusterNameFor('firewalls');
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  let machine: PrivateMachine;

  const sh = (script: string) => machine.get('bash', '-euc', script);
  const load = (ruleset: string) => {
    const file = join(folder, 'ruleset.nft');
    writeFileSync(file, ruleset);
    machine.get('nft', '-f', file);
  };
  const rules = () => machine.get('nft', 'list', 'ruleset').replaceAll(/counter packets \d+ bytes \d+/g, 'counter');
  const cluster = (verb: string, ...more: string[]) => machine.run(launcher, verb, '--name', name, ...more);
  const status = () => JSON.parse(cluster('status', '-o', 'json').stdout) as { ready: boolean; problems: string[] };
  /** Opens a connection from within the node. */
  const reaches = (address: string, port: number) => {
    const connect = `nsenter --target "$(cat /run/k8ts/${name}/node.pid)" --net timeout 3 bash -c '</dev/tcp/${address}/${port}'`;
    return machine.run('bash', '-c', connect).code === 0;
  };
  const reachesApi = () => reaches('10.89.0.1', 6443);
  const flush = () =>
    sh('nft delete table ip filter 2>/dev/null || true; nft delete table inet firewalld 2>/dev/null || true');

  before(async () => {
    machine = await PrivateMachine.boot({ KUBECONFIG: join(folder, 'kubeconfig') });
    sh(`ip netns add world
      ip link add world0 type veth peer name eth0 netns world
      ip address add 192.0.2.1/24 dev world0
      ip link set world0 up
      ip -netns world address add ${world}/24 dev eth0
      ip -netns world link set eth0 up`);
    machine.start('ip', 'netns', 'exec', 'world', 'socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:true');
    machine.start('socat', `TCP-LISTEN:${hostPort},fork,reuseaddr`, 'SYSTEM:true');
  });
  after(() => {
    cluster('down'); // its control groups are the host's
    machine?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const firewall of names) {
    test(`${firewall}, on before up: the cluster works, pods get out, and down leaves the rules as they were`, () => {
      load(firewalls[firewall]);
      const rulesBefore = rules();
      const { code, stderr } = cluster('up');
      assert.equal(code, 0, stderr);
      assert.deepEqual(status().problems, []);
      assert.ok(reachesApi(), 'the API server');
      assert.ok(reaches(world, 80), 'the world');
      assert.equal(reaches('10.89.0.1', hostPort), firewall === 'docker', 'what else the host serves');
      assert.equal(cluster('down').code, 0);
      assert.equal(rules(), rulesBefore);
      flush();
    });
  }

  test('up for the tests that follow', () => {
    const { code, stderr } = cluster('up');
    assert.equal(code, 0, stderr);
    assert.ok(reaches('10.89.0.1', hostPort), 'no firewall yet');
  });

  for (const firewall of names) {
    test(`${firewall}, switched on later and loaded anew: the cluster gets through again`, async () => {
      const isThrough = () => reachesApi() && reaches(world, 80) && status().ready;
      load(firewalls[firewall]);
      await eventually('switched on', isThrough, 30_000);
      load(`flush ruleset\n${firewalls[firewall]}`);
      await eventually('loaded anew', isThrough, 30_000);
      if (firewall !== 'firewalld') {
        machine.get('nft', 'flush', 'chain', 'ip', 'filter', 'FORWARD');
        await eventually('flushed', isThrough, 30_000);
      }
      flush();
    });
  }

  test('a rule ahead of the cluster’s is told by status, and ends up early', async () => {
    load('table ip mine { chain input { type filter hook input priority -10; policy accept; }; }');
    await eventually('the cluster’s rule is in', () => rules().includes('to the API server'), 30_000);
    const drop = 'insert rule ip mine input tcp dport 6443 ip saddr 10.89.0.0/24';
    load(`${drop} drop`);
    const { ready, problems } = status();
    assert.equal(ready, false);
    assert.match(problems[0]!, /^node \S+-control-plane cannot reach the API server at 10\.89\.0\.1:6443: no answer$/);
    const { code, stderr } = cluster('up');
    assert.notEqual(code, 0);
    assert.match(stderr, /cannot reach the API server .*: no answer/);
    assert.match(stderr, /[Ff]irewall of this host.*\n?.*k8ts0.*6443/);
    machine.get('nft', 'delete', 'table', 'ip', 'mine');
    assert.deepEqual(status().problems, []);
  });

  test('rules that nobody puts back are told by status', async () => {
    sh(`kill -STOP $(cat /run/k8ts/${name}/firewall.pid)`);
    // What it had started before may still put rules back.
    const isTold = () => {
      load(`flush ruleset\n${firewalls.ufw}`);
      const told = /^pods may not get out: chain FORWARD of table ip filter has not/;
      return status().problems.some((problem) => told.test(problem));
    };
    await eventually('status tells', isTold, 60_000);
    assert.equal(cluster('up').code, 0);
    assert.deepEqual(status().problems, []);
    assert.ok(reachesApi());
    sh(`kill -CONT $(cat /run/k8ts/${name}/firewall.pid)`);
    flush();
  });
});
