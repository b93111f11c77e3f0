// A cluster leaves its machine as it was: `down` after a life with work in it, and `down` after
// everything was killed at any moment of `up`. Shown on a private machine, where everything that
// there is can be listed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PrivateMachine, type Snapshot } from '../../environment/private-machine.ts';
import { imageArchive } from '../../images/images.ts';
import { clusterNameFor, needsRoot, projectRoot } from './k8ts-command.ts';

const launcher = join(projectRoot, 'k8ts');

interface Fixture extends AsyncDisposable {
  machine: PrivateMachine;
  name: string;
}

async function bootMachine(test: string): Promise<Fixture> {
  const name = clusterNameFor(test);
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  const machine = await PrivateMachine.boot({ KUBECONFIG: join(dir, 'kubeconfig') });
  return {
    machine,
    name,
    async [Symbol.asyncDispose]() {
      machine.run(launcher, 'down', '--name', name); // its control groups are the host's
      machine[Symbol.dispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Fails with what came and what went, kind by kind. */
function assertSame(after: Snapshot, before: Snapshot): void {
  for (const [kind, lines] of Object.entries(before)) {
    const came = after[kind]!.filter((line) => !lines.includes(line));
    const went = lines.filter((line) => !after[kind]!.includes(line));
    assert.deepEqual({ kind, came, went }, { kind, came: [], went: [] });
  }
}

describe('the machine after down is as it was before up', { skip: needsRoot }, () => {
  test('with a Deployment and a Service in the cluster', async () => {
    await using fixture = await bootMachine('traceless');
    const { machine, name } = fixture;
    const before = machine.snapshot(name);
    machine.get(launcher, 'up', '--name', name);
    machine.get(launcher, 'load', 'image-archive', '--name', name, await imageArchive('nginx'));
    const kubectl = (...args: string[]) => machine.get('kubectl', ...args);
    kubectl('create', '-f', 'examples/nginx-deployment.yaml');
    kubectl('expose', 'deployment', 'nginx-deployment', '--port', '80', '--type', 'NodePort');
    kubectl('rollout', 'status', 'deployment', 'nginx-deployment', '--timeout', '60s');
    const running = machine.snapshot(name);
    for (const kind of ['processes', 'links', 'routes', 'sysctls', 'tables', 'groups', 'files'])
      assert.notDeepEqual(running[kind], before[kind], `${kind} show that there is a cluster`);
    machine.get(launcher, 'down', '--name', name);
    assertSame(machine.snapshot(name), before);
  });

  for (const moment of [
    'Creating cluster',
    'Network:',
    'Certificates',
    'Node:',
    'etcd',
    'API server:',
    'Controllers and scheduler',
    'Node is Ready',
  ]) {
    test(`when everything is killed as up says “${moment}”`, async () => {
      await using fixture = await bootMachine('killed');
      const { machine, name } = fixture;
      const before = machine.snapshot(name);
      const up = machine.start(launcher, 'up', '--name', name);
      const ended = once(up, 'close');
      let said = '';
      let killed = false;
      up.stdout!.setEncoding('utf8').on('data', (text) => {
        said += text;
        if (killed || !said.includes(moment)) return;
        killed = true;
        machine.killAll();
      });
      await ended;
      assert.ok(killed, said);
      machine.get(launcher, 'down', '--name', name);
      assertSame(machine.snapshot(name), before);
    });
  }
});
