import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPaths, serveHealth, sliText } from './health.ts';

const readiness = (reason: string | null, isEnding = false) => ({ notReady: () => reason, isEnding: () => isEnding });
const ask = (url: string, reason: string | null = null, isEnding = false) => {
  const answer = serveHealth(url.split('?')[0]!, { url }, readiness(reason, isEnding));
  return answer && { code: answer.code, body: String(answer.body) };
};

describe('health', () => {
  test('is ok in a word, and with all its checks by name', () => {
    for (const endpoint of ['healthz', 'livez', 'readyz'] as const) {
      assert.deepEqual(ask(`/${endpoint}`), { code: 200, body: 'ok' });
      const { body } = ask(`/${endpoint}?verbose`)!;
      assert.match(body, /^\[\+\]ping ok\n/);
      assert.match(body, new RegExp(`\n${endpoint} check passed\n$`));
      for (const path of checkPaths(endpoint)) assert.deepEqual(ask(path), { code: 200, body: 'ok' });
    }
    assert.equal(ask('/healthz/x'), undefined);
    assert.equal(ask('/healthzz'), undefined);
  });

  test('says which checks fail, but to nobody why; only readiness does', () => {
    assert.equal(ask('/livez', 'no etcd')!.code, 200);
    const { code, body } = ask('/readyz', 'no etcd')!;
    assert.equal(code, 500);
    assert.match(body, /\[\+\]ping ok\n(.*\n)*\[-\]etcd failed: reason withheld\n(.*\n)*readyz check failed\n$/);
    assert.equal(ask('/readyz/etcd', 'no etcd')!.code, 500);
    assert.equal(ask('/readyz/ping', 'no etcd')!.code, 200);
  });

  test('of a server that ends: it is not ready, and lives', () => {
    assert.deepEqual(ask('/readyz/shutdown', null, true), {
      code: 500,
      body: 'internal server error: process is shutting down\n',
    });
    const { code, body } = ask('/readyz', null, true)!;
    assert.equal(code, 500);
    assert.match(body, /\[\+\]etcd ok\n(.*\n)*\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/);
    for (const path of ['/livez', '/healthz', '/readyz/etcd']) assert.equal(ask(path, null, true)!.code, 200);
    assert.equal(ask('/readyz/shutdown', 'starting')!.code, 200);
  });

  test('has the names that kube-apiserver has, in its order', () => {
    const names = [...ask('/readyz?verbose')!.body.matchAll(/^\[\+\](\S+) ok$/gm)].map(([, name]) => name);
    const known = [
      ...['ping', 'log', 'etcd', 'etcd-readiness', 'informer-sync', 'poststarthook/start-apiextensions-controllers'],
      ...['poststarthook/rbac/bootstrap-roles', 'poststarthook/apiservice-registration-controller'],
      ...['autoregister-completion', 'poststarthook/apiservice-openapiv3-controller', 'shutdown'],
    ];
    assert.deepEqual(
      names.filter((name) => known.includes(name!)),
      known,
    );
    assert.equal(ask('/readyz/autoregister-completion', 'starting')!.code, 500);
    assert.equal(ask('/livez/autoregister-completion')!.body, 'ok');
  });

  test('leaves out what is excluded, and says what it cannot', () => {
    assert.match(ask('/readyz?verbose&exclude=etcd')!.body, /\[\+\]etcd excluded: ok\n/);
    const { body } = ask('/readyz?verbose=1&exclude=nope')!;
    assert.match(body, /warn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n$/);
  });

  test('is told as metrics', () => {
    assert.match(sliText(readiness(null)), /^kubernetes_healthcheck\{name="etcd",type="readyz"\} 1$/m);
    assert.match(sliText(readiness('no etcd')), /^kubernetes_healthcheck\{name="etcd",type="readyz"\} 0$/m);
    assert.match(sliText(readiness('no etcd')), /^kubernetes_healthcheck\{name="ping",type="livez"\} 1$/m);
  });
});
