// The tour with the npm package on a Debian 12 that has no checkout: `k8ts` is a command like any other.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { upTimeoutMs } from '../vm/checked-out.ts';
import { debian12, needsVm, vmImage } from '../vm/image.ts';
import { Vm } from '../vm/machine.ts';
import { imagesFolder, packPackage } from '../vm/package.ts';

describe('the npm package on Debian 12', { skip: needsVm }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  let vm: Vm;
  const k8ts = (args: string) => vm.get(`cd /srv && k8ts ${args}`, { timeoutMs: upTimeoutMs });

  before(async () => {
    const tar = join(folder, 'package.tar');
    await packPackage(tar, ['nginx']);
    vm = await Vm.boot(vmImage(debian12), { disks: [tar] });
    await vm.get('tar -C / -xf /dev/vdb');
  });
  after(async () => {
    await vm?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('up tells of nothing that only a checkout has', async () => {
    assert.match(await vm.get('command -v k8ts'), /^\/usr\/local\/bin\/k8ts$/m);
    const told = await k8ts('up --wait 15m');
    assert.match(told, /^Cluster k8ts is up /m);
    assert.doesNotMatch(told, /\.\/k8ts|examples\//);
  });

  test('the tour, by k8ts kubectl', async () => {
    await k8ts(`load image-archive ${imagesFolder}/*.tar`);
    await k8ts('kubectl create deployment web --image=nginx:1.7.9');
    await k8ts('kubectl rollout status deployment/web --timeout=900s');
    await k8ts('kubectl expose deployment web --port 80');
    const address = (await k8ts('kubectl get service web -o jsonpath={.spec.clusterIP}')).trim();
    const page = await eventually(
      'the service answers',
      () => vm.get(`curl -sf -m 20 http://${address}/`),
      upTimeoutMs,
    );
    assert.match(page, /Welcome to nginx/);
    assert.match(await k8ts('kubectl exec deploy/web -- nginx -v 2>&1'), /nginx version/);
  });

  test('status says that all is well; down removes it', async () => {
    assert.match(await k8ts('status'), /^All is well\.$/m);
    assert.match(await k8ts('down'), /is removed/);
    assert.equal(await vm.get('ls -A /run/k8ts /var/lib/k8ts 2>/dev/null; true'), '');
  });
});
