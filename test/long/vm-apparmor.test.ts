// AppArmor as the pods of a plain Debian 12 have it: our profile by default, and what they ask for beside it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, shellPod, untilTerm, upTimeoutMs } from '../vm/checked-out.ts';
import { debian12, needsVm } from '../vm/image.ts';

const profileOf = 'cat /proc/self/attr/current';

describe('AppArmor on Debian 12', { skip: needsVm }, () => {
  let machine: CheckedOut;

  before(async () => {
    machine = await CheckedOut.boot(debian12, ['busybox']);
    await machine.up();
  });
  after(() => machine?.[Symbol.asyncDispose]());

  test('containers have the profile of their wish, ours without one', async () => {
    const asking = (type: string, localhostProfile?: string) => ({
      securityContext: { appArmorProfile: { type, ...(localhostProfile ? { localhostProfile } : {}) } },
    });
    await machine.runPod(shellPod('plain', untilTerm));
    await machine.runPod(shellPod('default', untilTerm, asking('RuntimeDefault')));
    await machine.runPod(shellPod('unconfined', untilTerm, asking('Unconfined')));
    await machine.runPod(shellPod('privileged', untilTerm, {}, { securityContext: { privileged: true } }));
    const mine = 'profile mine flags=(attach_disconnected,mediate_deleted) { file, network, capability, signal, }';
    await machine.vm.get(`echo '${mine}' >/root/mine && apparmor_parser -r /root/mine`);
    await machine.runPod(shellPod('mine', untilTerm, asking('Localhost', 'mine')));
    const want = {
      plain: 'k8ts-default (enforce)\n',
      default: 'k8ts-default (enforce)\n',
      unconfined: 'unconfined\n',
      privileged: 'unconfined\n',
      mine: 'mine (enforce)\n',
    };
    for (const [name, profile] of Object.entries(want))
      assert.equal(await machine.kubectl(`exec ${name} -- ${profileOf}`), profile, name);
  });

  test('one that is not loaded is an error of the container', async () => {
    const appArmorProfile = { type: 'Localhost', localhostProfile: 'nobody-loaded-it' };
    const pod = shellPod('missing', untilTerm, { securityContext: { appArmorProfile } });
    await machine.vm.get('kubectl create -f -', { input: JSON.stringify(pod) });
    const waiting = await eventually(
      'the error',
      async () => {
        const { containerStatuses = [] } = await machine.podStatus('missing');
        return containerStatuses[0]?.state.waiting?.message ? containerStatuses[0].state.waiting : undefined;
      },
      upTimeoutMs,
    );
    assert.equal(waiting.reason, 'CreateContainerError');
    assert.match(waiting.message, /apparmor profile not found nobody-loaded-it$/);
  });

  test('our profile keeps a container from mounting and from the files of the kernel, and lets it be ended', async () => {
    const capabilities = { add: ['SYS_ADMIN'] };
    await machine.runPod(shellPod('able', untilTerm, {}, { securityContext: { capabilities } }));
    const inside = (command: string) => machine.kubectl(`exec able -- sh -c '${command}; true'`);
    assert.doesNotMatch(await inside('mount -t tmpfs none /mnt 2>/dev/null && echo mounted'), /mounted/);
    assert.doesNotMatch(await inside('(echo b >/proc/sysrq-trigger) 2>/dev/null && echo written'), /written/);
    assert.match(await inside('echo x >/tmp/x && cat /tmp/x'), /x/);
    const began = realClock.monotonicMs();
    await machine.kubectl('delete pod able --grace-period=900');
    assert.ok(realClock.monotonicMs() - began < 800_000, 'it heard the signal');
  });
});
