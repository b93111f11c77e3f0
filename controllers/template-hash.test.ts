import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sortKeys } from '../machinery/go-json.ts';
import { hashRevision } from './template-hash.ts';

test('what a revision keeps has the hash that Kubernetes gives it', () => {
  const container = {
    name: 'c',
    image: 'registry.k8s.io/e2e-test-images/nginx:1.15-4',
    imagePullPolicy: 'IfNotPresent',
    ports: [{ containerPort: 80, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { path: '/', port: 80, scheme: 'HTTP' },
      failureThreshold: 3,
      periodSeconds: 1,
      successThreshold: 1,
      timeoutSeconds: 1,
    },
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  };
  const spec = {
    containers: [container],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 1,
  };
  const template = { $patch: 'replace', metadata: { labels: { app: 'w' } }, spec };
  const data = sortKeys({ spec: { template } }) as object;
  assert.equal(hashRevision(data, 0), '646c76b7db');
  assert.notEqual(hashRevision(data, 1), '646c76b7db');
});
