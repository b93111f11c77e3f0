// What sig-network requires of DNS.
import assert from 'node:assert/strict';
import type { RecordType } from 'dns-packet';
import { requirements, type Space } from './cluster.ts';
import { clientPod, makeService, untilExec, untilResolved } from './network.ts';
import { update } from './objects.ts';
import { startPod } from './volumes.ts';

/** Ready at once, so that headless services have it. */
async function startClient(space: Space, name: string, labels: object, spec: object = {}): Promise<any> {
  const pod = clientPod(name, spec);
  return startPod(space, { ...pod, metadata: { ...pod.metadata, labels } });
}

const labels = { 'dns-test': 'true' };
const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];

/** A headless and another service with the client itself behind; what their names have. */
async function twoServices(space: Space) {
  const headless = await makeService(space, 'dns-test-service', { clusterIP: 'None', ports, selector: labels });
  const regular = await makeService(space, 'test-service-2', { ports, selector: labels });
  const pod = await startClient(space, 'client', labels);
  const within = `${space.namespace}.svc`;
  const dashed = pod.status.podIP.replaceAll('.', '-');
  const full = `${within}.cluster.local`;
  const endings = ['', `.${space.namespace}`, `.${within}`, `.${full}`];
  const serviceRecords = (ending: string): [string, RecordType, string[]][] => [
    [`${headless.metadata.name}${ending}`, 'A', [`A ${pod.status.podIP}`]],
    [`${regular.metadata.name}${ending}`, 'A', [`A ${regular.spec.clusterIP}`]],
    [`_http._tcp.${headless.metadata.name}${ending}`, 'SRV', [`SRV 80 ${dashed}.${headless.metadata.name}.${full}`]],
    [`_http._tcp.${regular.metadata.name}${ending}`, 'SRV', [`SRV 80 ${regular.metadata.name}.${full}`]],
  ];
  const reverse = `${regular.spec.clusterIP.split('.').toReversed().join('.')}.in-addr.arpa`;
  const pointer: [string, RecordType, string[]] = [reverse, 'PTR', [`PTR ${regular.metadata.name}.${full}`]];
  return { endings, serviceRecords, pointer, full };
}

requirements({ name: 'conf-dns', sig: 'sig-network', images: ['busybox'] }, (requirement) => {
  requirement('DNS should provide DNS for the cluster', async (space) => {
    const { spec } = await space.get('/api/v1/namespaces/default/services/kubernetes');
    await startClient(space, 'client', {});
    await untilResolved(space, 'client', [
      ['kubernetes.default', 'A', [`A ${spec.clusterIP}`]],
      ['kubernetes.default.svc', 'A', [`A ${spec.clusterIP}`]],
      ['kubernetes.default.svc.cluster.local', 'A', [`A ${spec.clusterIP}`]],
      ['_https._tcp.kubernetes.default.svc', 'SRV', ['SRV 443 kubernetes.default.svc.cluster.local']],
    ]);
  });

  requirement('DNS should provide DNS for services', async (space) => {
    const { endings, serviceRecords, pointer, full } = await twoServices(space);
    await untilResolved(space, 'client', [
      ...serviceRecords(endings.at(-1)!),
      pointer,
      [`none.${full}`, 'A', []],
      [`_none._tcp.test-service-2.${full}`, 'SRV', []],
    ]);
  });

  requirement('DNS should resolve DNS of partial qualified names for services [LinuxOnly]', async (space) => {
    const { endings, serviceRecords, pointer } = await twoServices(space);
    await untilResolved(space, 'client', [...endings.slice(0, -1).flatMap(serviceRecords), pointer]);
  });

  requirement('DNS should provide DNS for pods for Hostname', async (space) => {
    const name = 'dns-test-service-2';
    await makeService(space, name, { clusterIP: 'None', ports, selector: { 'dns-test-hostname-attribute': 'true' } });
    const hostname = 'dns-querier-2';
    const pod = await startClient(
      space,
      'client',
      { 'dns-test-hostname-attribute': 'true' },
      { hostname, subdomain: name },
    );
    const { podIP } = pod.status;
    const full = `${hostname}.${name}.${space.namespace}.svc.cluster.local`;
    await untilResolved(space, 'client', [[full, 'A', [`A ${podIP}`]]]);
    // By the C library, which also reads /etc/hosts.
    for (const host of [full, hostname]) {
      await untilExec(space, 'client', `ping -c 1 -W 5 ${host}`, ({ stdout }) => stdout.includes(`(${podIP})`));
    }
    const { stdout } = await untilExec(space, 'client', 'hostname; hostname -f; hostname -i', ({ code }) => code === 0);
    assert.equal(stdout, `${hostname}\n${full}\n${podIP}\n`);
  });

  requirement('DNS should provide DNS for pods for Subdomain', async (space) => {
    const name = 'dns-test-service-3';
    await makeService(space, name, { clusterIP: 'None', ports, selector: { 'dns-test-hostname-attribute': 'true' } });
    const pod = await startClient(
      space,
      'client',
      { 'dns-test-hostname-attribute': 'true' },
      { hostname: 'dns-querier-3', subdomain: name },
    );
    const subdomain = `${name}.${space.namespace}.svc.cluster.local`;
    await untilResolved(space, 'client', [
      [`dns-querier-3.${subdomain}`, 'A', [`A ${pod.status.podIP}`]],
      [subdomain, 'A', [`A ${pod.status.podIP}`]],
    ]);
  });

  requirement('DNS should provide DNS for ExternalName services', async (space) => {
    const name = 'dns-test-service-4';
    const full = `${name}.${space.namespace}.svc.cluster.local`;
    const path = space.path('/api/v1', `services/${name}`);
    await makeService(space, name, { type: 'ExternalName', externalName: 'foo.example.com' });
    await startClient(space, 'client', {});
    await untilResolved(space, 'client', [[full, 'CNAME', ['CNAME foo.example.com']]]);
    await update(space, path, ({ spec }) => Object.assign(spec, { externalName: 'bar.example.com' }));
    await untilResolved(space, 'client', [[full, 'CNAME', ['CNAME bar.example.com']]]);
    const { spec } = await update(space, path, (service) => {
      service.spec.type = 'ClusterIP';
      service.spec.ports = [{ port: 80, name: 'http', protocol: 'TCP' }];
    });
    assert.match(spec.clusterIP, /^\d+\.\d+\.\d+\.\d+$/);
    await untilResolved(space, 'client', [
      [full, 'A', [`A ${spec.clusterIP}`]],
      [full, 'CNAME', []],
    ]);
  });
});
