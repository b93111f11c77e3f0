// `sudo ./k8ts up` of an ordinary user, on a private machine that has such a user: their kubectl works, root's too.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PrivateMachine } from '../../environment/private-machine.ts';
import { clusterNameFor, needsRoot, projectRoot } from './k8ts-command.ts';

const launcher = join(projectRoot, 'k8ts');
const uid = '54321';

test('with sudo, the kubeconfig is the user’s', { skip: needsRoot }, async () => {
  const name = clusterNameFor('sudo');
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-sudo-'));
  mkdirSync(join(dir, 'root'));
  // What sudo leaves of the environment.
  const sudo = { SUDO_UID: uid, SUDO_GID: uid, SUDO_USER: 'jo', HOME: join(dir, 'root'), KUBECONFIG: '' };
  const machine = await PrivateMachine.boot(sudo);
  try {
    writeFileSync(join(dir, 'passwd'), `root:x:0:0::/root:/bin/sh\njo:x:${uid}:${uid}::/run/home/jo:/bin/sh\n`);
    machine.get('mount', '--bind', join(dir, 'passwd'), '/etc/passwd');
    machine.get('install', '-d', '-m', '700', '-o', uid, '-g', uid, '/run/home/jo');
    machine.get(launcher, 'up', '--name', name);
    assert.equal(machine.get('stat', '-c', '%u %g %a', '/run/home/jo/.kube/config'), `${uid} ${uid} 600\n`);
    const jo = ['--reuid', uid, '--regid', uid, '--clear-groups', 'env', 'HOME=/run/home/jo'];
    assert.match(machine.get('setpriv', ...jo, 'kubectl', 'get', 'nodes'), new RegExp(`${name}-control-plane +Ready`));
    assert.match(machine.get('kubectl', 'get', 'nodes'), /Ready/, 'root’s own kubectl');
    machine.get(launcher, 'down', '--name', name);
    for (const home of ['/run/home/jo', join(dir, 'root')])
      assert.doesNotMatch(machine.get('cat', `${home}/.kube/config`), new RegExp(name));
  } finally {
    machine.run(launcher, 'down', '--name', name); // its control groups are the host's
    machine[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  }
});
