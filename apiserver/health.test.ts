import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPaths, serveHealth, sliText } from './health.ts';
import { requestInfoOf } from './request-info.ts';

const readiness = (reason: string | null, isEnding = false) => ({
  notReady: () => reason,
  isEnding: () => isEnding,
  etcd: () => Promise.resolve(reason === 'no etcd' ? reason : null),
});
const ask = async (url: string, reason: string | null = null, isEnding = false) => {
  const answer = await serveHealth(requestInfoOf('GET', url), readiness(reason, isEnding));
  return answer && { code: answer.code, body: String(answer.body) };
};

describe('health', () => {
  test('is ok in a word, and with all its checks by name', async () => {
    for (const endpoint of ['healthz', 'livez', 'readyz'] as const) {
      assert.deepEqual(await ask(`/${endpoint}`), { code: 200, body: 'ok' });
      const { body } = (await ask(`/${endpoint}?verbose`))!;
      assert.match(body, /^\[\+\]ping ok\n/);
      assert.match(body, new RegExp(`\n${endpoint} check passed\n$`));
      for (const path of checkPaths(endpoint)) assert.deepEqual(await ask(path), { code: 200, body: 'ok' });
    }
    assert.equal(await ask('/healthz/x'), undefined);
    assert.equal(await ask('/livez/'), undefined);
    assert.equal(await ask('/healthzz'), undefined);
  });

  test('says which checks fail, but to nobody why', async () => {
    for (const endpoint of ['livez', 'healthz']) {
      assert.match(
        (await ask(`/${endpoint}`, 'no etcd'))!.body,
        /^\[\+\]ping ok\n\[\+\]log ok\n\[-\]etcd failed: reason withheld\n\[\+\]/,
      );
      assert.equal((await ask(`/${endpoint}?exclude=etcd`, 'no etcd'))!.code, 200);
    }
    const { code, body } = (await ask('/readyz', 'no etcd'))!;
    assert.equal(code, 500);
    assert.match(body, /\[\+\]ping ok\n(.*\n)*\[-\]etcd failed: reason withheld\n(.*\n)*readyz check failed\n$/);
    assert.equal((await ask('/readyz/etcd', 'no etcd'))!.code, 500);
    assert.equal((await ask('/readyz/ping', 'no etcd'))!.code, 200);
  });

  test('of a server that ends: it is not ready, and lives', async () => {
    assert.deepEqual(await ask('/readyz/shutdown', null, true), {
      code: 500,
      body: 'internal server error: process is shutting down\n',
    });
    const { code, body } = (await ask('/readyz', null, true))!;
    assert.equal(code, 500);
    assert.match(body, /\[\+\]etcd ok\n(.*\n)*\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/);
    for (const path of ['/livez', '/healthz', '/readyz/etcd']) assert.equal((await ask(path, null, true))!.code, 200);
    assert.equal((await ask('/readyz/shutdown', 'starting'))!.code, 200);
  });

  test('has the names that kube-apiserver has, in its order', async () => {
    const names = [...(await ask('/readyz?verbose'))!.body.matchAll(/^\[\+\](\S+) ok$/gm)].map(([, name]) => name);
    // Of kube-apiserver 1.35, in a cluster that kubeadm made.
    const known = `ping log etcd etcd-readiness informer-sync start-apiserver-admission-initializer
      generic-apiserver-start-informers priority-and-fairness-config-consumer priority-and-fairness-filter
      storage-object-count-tracker-hook start-apiextensions-informers start-apiextensions-controllers crd-informer-synced
      start-system-namespaces-controller start-cluster-authentication-info-controller
      start-kube-apiserver-identity-lease-controller start-kube-apiserver-identity-lease-garbage-collector
      start-legacy-token-tracking-controller start-service-ip-repair-controllers rbac/bootstrap-roles
      scheduling/bootstrap-system-priority-classes priority-and-fairness-config-producer bootstrap-controller
      start-kubernetes-service-cidr-controller aggregator-reload-proxy-client-cert start-kube-aggregator-informers
      apiservice-status-local-available-controller apiservice-status-remote-available-controller
      apiservice-registration-controller apiservice-discovery-controller kube-apiserver-autoregistration
      autoregister-completion apiservice-openapi-controller apiservice-openapiv3-controller shutdown`.split(/\s+/);
    assert.deepEqual(
      names.map((name) => name!.replace('poststarthook/', '')),
      known,
    );
    assert.equal((await ask('/readyz/autoregister-completion', 'starting'))!.code, 500);
    assert.equal((await ask('/livez/autoregister-completion'))!.body, 'ok');
  });

  test('leaves out what is excluded, and says what it cannot', async () => {
    assert.match((await ask('/readyz?verbose&exclude=etcd'))!.body, /\[\+\]etcd excluded: ok\n/);
    const { body } = (await ask('/readyz?verbose=1&exclude=nope'))!;
    assert.match(body, /warn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n$/);
  });

  test('is told as metrics', async () => {
    assert.match(await sliText(readiness(null)), /^kubernetes_healthcheck\{name="etcd",type="readyz"\} 1$/m);
    assert.match(await sliText(readiness('no etcd')), /^kubernetes_healthcheck\{name="etcd",type="readyz"\} 0$/m);
    assert.match(await sliText(readiness('no etcd')), /^kubernetes_healthcheck\{name="ping",type="livez"\} 1$/m);
  });
});
