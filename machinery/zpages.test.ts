import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Zpages, zpagesOf } from './zpages.ts';

const startMs = Date.UTC(2026, 3, 2, 21, 3, 43);
const build = { gitVersion: 'v1.36.0', goVersion: 'go1.26', emulationMajor: '1', emulationMinor: '36' };
const flags = { v: 2, controllers: ['*', '-job'], contention: false, kubeconfig: '/etc/k', unset: undefined };
const pages = (component = 'apiserver'): Zpages =>
  zpagesOf({ component, build, startMs, flags }, { now: () => startMs + 3_723_900 });
const paths = ['/healthz', '/healthz/ping', '/apis/apps/v1', '/api', '/openapi/v3', '/openid/v1/jwks', '/metrics', '/'];
const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

describe('what a component says of itself', () => {
  test('is text for people', () => {
    for (const accept of [
      undefined,
      '',
      ' ',
      'text/plain',
      '*/*',
      'text/*;q=0.5',
      'application/json, text/plain;q=0.1',
    ]) {
      assert.deepEqual(
        pages()('/statusz', accept, paths),
        {
          code: 200,
          type: 'text/plain; charset=utf-8',
          text: `\napiserver statusz\n${warning}\n\nStarted: Thu Apr  2 21:03:43 UTC 2026\nUp: 1 hr 02 min 03 sec\nGo version: go1.26\nBinary version: 1.36.0\nEmulation version: 1.36\nPaths: /healthz /metrics\n`,
        },
        String(accept),
      );
    }
    const lines = 'contention: false\ncontrollers: [*,-job]\nkubeconfig: /etc/k\nv: 2\n';
    assert.equal(pages('scheduler')('/flagz', undefined, [])?.text, `\nkube-scheduler flagz\n${warning}\n${lines}`);
  });

  test('is an object for whose Accept header names its version', () => {
    const status = {
      kind: 'Statusz',
      apiVersion: 'config.k8s.io/v1beta1',
      metadata: { name: 'kube-proxy' },
      startTime: '2026-04-02T21:03:43Z',
      uptimeSeconds: 3723,
      goVersion: 'go1.26',
      binaryVersion: '1.36.0',
      emulationVersion: '1.36',
      paths: ['/healthz', '/metrics'],
    };
    const json = pages('proxy')('/statusz', 'application/json;v=v1beta1;g=config.k8s.io;as=Statusz', paths)!;
    assert.deepEqual([json.code, json.type, json.warning], [200, 'application/json', undefined]);
    assert.deepEqual(JSON.parse(json.text), status);
    const wanted = 'text/plain;q=0.1, application/yaml; as=Flagz; g=config.k8s.io; v=v1alpha1';
    assert.deepEqual(pages()('/flagz', wanted, paths), {
      code: 200,
      type: 'application/yaml',
      text: `kind: Flagz\napiVersion: config.k8s.io/v1alpha1\nmetadata:\n  name: apiserver\nflags:\n  contention: "false"\n  controllers: "[*,-job]"\n  kubeconfig: /etc/k\n  v: "2"\n`,
      warning: '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."',
    });
  });

  test('is refused in a form that there is not, and is nowhere else', () => {
    for (const accept of [
      'application/json',
      'application/xml',
      'application/json;v=v1beta1;g=config.k8s.io',
      'application/json;v=v1;g=config.k8s.io;as=Statusz',
      'application/json;v=v1beta1;g=config.k8s.io;as=Flagz',
      'text/plain;v=v1beta1;g=config.k8s.io;as=Statusz',
      'application/vnd.kubernetes.protobuf;v=v1beta1;g=config.k8s.io;as=Statusz',
    ]) {
      const { code, type, text } = pages()('/statusz', accept, paths)!;
      assert.deepEqual([code, type], [406, 'application/json'], accept);
      const { reason, message } = JSON.parse(text);
      const types = 'application/json, application/yaml, text/plain';
      assert.deepEqual([reason, message], ['NotAcceptable', `only the following media types are accepted: ${types}`]);
    }
    assert.equal(pages()('/statusz/x', undefined, paths), undefined);
    assert.equal(pages()('/healthz', undefined, paths), undefined);
  });
});
