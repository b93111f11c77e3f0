// The end-to-end suite on a Debian 12 of its own: systemd, cgroup v2, AppArmor. What it says of each test is told here.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needsNewKubectl } from '../environment/kubectl.ts';
import { projectRoot } from '../integration/cli/k8ts-command.ts';
import { checkoutFolder, packTests, unpackCheckout } from '../vm/checkout.ts';
import { debian12, needsVm, vmImage } from '../vm/image.ts';
import { Vm } from '../vm/machine.ts';

const suite = readdirSync(join(projectRoot, 'test/e2e')).filter((name) => name.endsWith('.test.ts'));
const fileTimeoutMs = 3_600_000;

/** The kubectl that the tests here run, where it is a newer one than the machine has. */
function newKubectl(): string | undefined {
  if (needsNewKubectl) return undefined;
  const { PATH = '' } = process.env;
  for (const folder of PATH.split(delimiter)) {
    try {
      return realpathSync(join(folder, 'kubectl'));
    } catch {}
  }
  return undefined;
}

describe('the end-to-end suite on Debian 12', { skip: needsVm }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  let vm: Vm;

  before(async () => {
    const disk = join(folder, 'tests.tar');
    await packTests(disk, ['busybox', 'nginx', 'redis']);
    vm = await Vm.boot(vmImage(debian12), { memoryMib: 4096, disks: [disk] });
    await unpackCheckout(vm, '/dev/vdb');
    const kubectl = newKubectl();
    if (kubectl) {
      vm.copyIn(kubectl, '/usr/local/bin/kubectl');
      await vm.get('kubectl version --client');
    }
  });
  after(async () => {
    await vm?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of suite) {
    test(name, async (t) => {
      const node = `${checkoutFolder}/node_modules/node-linux-*/bin/node`;
      const command = `cd ${checkoutFolder} && K8TS_ROOT=$PWD ${node} --test --test-reporter=tap test/e2e/${name}`;
      const { code, stdout, stderr } = await vm.run(command, { timeoutMs: fileTimeoutMs });
      for (const [line] of stdout.matchAll(/^ *(not )?ok .*$/gm)) t.diagnostic(line);
      assert.equal(code, 0, `${stdout}${stderr}`);
    });
  }
});
