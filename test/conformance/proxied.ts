// Pods and services behind the API server's proxy.
import { issueCertificate, makeAuthority } from '../../cli/pki/issue.ts';
import { realClock } from '../../machinery/clock.ts';
import type { Space } from './cluster.ts';
import { makeService, serverPod, tcp, untilEndpoints } from './network.ts';
import { startPod } from './volumes.ts';

/** A pod and a service that answer every method with it; the paths of their proxies. */
export async function startMethods(space: Space): Promise<string[]> {
  const more = `server { listen 80; return 200 '{"body":"foo","method":"$request_method","uri":"$request_uri"}'; }`;
  const labels = { 'e2e-test': 'methods' };
  const pod = serverPod({ name: 'agnhost', labels, http: [81], more });
  const service = 'e2e-proxy-test-service';
  await makeService(space, service, { ports: [{ port: 80, protocol: 'TCP' }], selector: labels });
  await startPod(space, pod);
  await untilEndpoints(space, service, { agnhost: [80] });
  return [space.path('/api/v1', 'pods/agnhost/proxy'), space.path('/api/v1', `services/${service}/proxy`)];
}

/** A server of plain and encrypted ports, each with its own answer. */
export async function startPorts(space: Space): Promise<void> {
  const now = realClock.now();
  const authority = await makeAuthority({ file: 'ca', commonName: 'test' }, now);
  const plan = { file: 'server', authority: 'ca', commonName: 'server', usages: ['server'] as const };
  const { certificatePem, keyPem } = await issueCertificate(plan, authority, now);
  const plain = { 80: '<a href="/rewriteme">test</a>', 160: 'foo', 162: 'bar', 1080: '<a href="/rewriteme">test</a>' };
  const secret = { 443: '<a href="/tlsrewriteme">test</a>', 460: 'tls baz', 462: 'tls qux' };
  const server = ([port, text]: [string, string], tls = '') =>
    `server { listen ${port}${tls && ' ssl'}; ${tls} default_type text/html; return 200 '${text}'; }`;
  const keys = 'ssl_certificate /tls/tls.crt; ssl_certificate_key /tls/tls.key;';
  const more = [
    ...Object.entries(plain).map((one) => server(one)),
    ...Object.entries(secret).map((one) => server(one, keys)),
  ];
  await space.ask('POST', space.path('/api/v1', 'secrets'), {
    body: {
      metadata: { name: 'tls' },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': certificatePem, 'tls.key': keyPem },
    },
  });
  const labels = { name: 'proxied' };
  const ports = [
    { containerPort: 80 },
    tcp('dest1', 160),
    tcp('dest2', 162),
    tcp('tlsdest1', 460),
    tcp('tlsdest2', 462),
  ];
  const pod = serverPod({ name: 'proxied', labels, http: [8080], more: more.join('\n'), ports });
  pod.spec.volumes = [{ name: 'tls', secret: { secretName: 'tls' } }];
  pod.spec.containers[0].volumeMounts = [{ name: 'tls', mountPath: '/tls' }];
  await makeService(space, 'proxied', {
    selector: labels,
    ports: [
      { name: 'portname1', port: 80, targetPort: 'dest1' },
      { name: 'portname2', port: 81, targetPort: 162 },
      { name: 'tlsportname1', port: 443, targetPort: 'tlsdest1' },
      { name: 'tlsportname2', port: 444, targetPort: 462 },
    ],
  });
  await startPod(space, pod);
  await untilEndpoints(space, 'proxied', { proxied: [160, 162, 460, 462] });
}
