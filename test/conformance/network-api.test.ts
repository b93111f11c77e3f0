// What sig-network requires of the API and of the controllers behind it.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { supportsAllOperations } from './lifecycle.ts';
import { makeService, slicesOf, untilEndpoints } from './network.ts';
import { gone, merge, selecting, update } from './objects.ts';
import { startPod, teller } from './volumes.ts';

const discovery = '/apis/discovery.k8s.io/v1';

/** Pairs of address and port, of Endpoints or of slices. */
function pairs(parts: { addresses: string[]; ports: any[] }[]): string[] {
  return parts
    .flatMap(({ addresses, ports }) => addresses.flatMap((ip) => ports.map(({ port }) => `${ip}:${port}`)))
    .toSorted();
}
const ofEndpoints = ({ subsets = [] }: any) =>
  pairs(subsets.map(({ addresses = [], ports }: any) => ({ addresses: addresses.map(({ ip }: any) => ip), ports })));
const ofSlices = (items: any[]) =>
  pairs(
    items.map(({ endpoints, ports }) => ({
      addresses: (endpoints ?? []).flatMap(({ addresses }: any) => addresses),
      ports: ports ?? [],
    })),
  );

/** A selector that nobody matches: how Endpoints and slices come, and go with their service. */
async function comesAndGoesEmpty(space: Space, check: (service: any) => Promise<void>): Promise<void> {
  const name = 'example-empty-selector';
  const service = await makeService(space, name, {
    selector: { 'does-not-match-anything': 'endpoints-and-endpoint-slices-should-still-be-created' },
    ports: [{ name: 'example', port: 80, protocol: 'TCP' }],
  });
  await untilEndpoints(space, name, {});
  await check(service);
  await space.ask('DELETE', space.path('/api/v1', `services/${name}`));
  await gone(space, space.path('/api/v1', `endpoints/${name}`));
  await space.until('the slices are gone', slicesOf(space, name), ({ items }) => items.length === 0);
}

/** Two pods and three services over them: alone, together by the names of their ports, and none. */
async function matchesPods(space: Space): Promise<{ pods: any[]; names: string[] }> {
  const pod = (index: number, more: object[]) => {
    const labels = { [`pod${index}`]: 'on', shared12: 'on' };
    const ports = [{ name: 'example-name', containerPort: 2999 + index }, ...more];
    const one = teller({
      scripts: { c: 'exec sleep 100000' },
      metadata: { name: `pod${index}`, labels },
      container: { ports },
    });
    return startPod(space, one);
  };
  const named = (selector: object) => ({
    selector,
    publishNotReadyAddresses: true,
    ports: [{ name: 'example', port: 80, targetPort: 'example-name', protocol: 'TCP' }],
  });
  await makeService(space, 'example-int-port', {
    selector: { pod1: 'on' },
    publishNotReadyAddresses: true,
    ports: [{ name: 'example', port: 80, targetPort: 3000, protocol: 'TCP' }],
  });
  await makeService(space, 'example-named-port', named({ shared12: 'on' }));
  await makeService(space, 'example-no-match', named({ pod3: 'on' }));
  const pods = await Promise.all([pod(1, []), pod(2, [{ name: 'other-port', containerPort: 3002 }])]);
  return { pods, names: ['example-int-port', 'example-named-port', 'example-no-match'] };
}

requirements({ name: 'conf-network-api', sig: 'sig-network', images: ['busybox'] }, (requirement) => {
  requirement('API Server should have Endpoints and EndpointSlices pointing to API Server', async (space) => {
    const { spec } = await space.get('/api/v1/namespaces/default/services/kubernetes');
    assert.deepEqual(
      spec.ports.map(({ name, port }: any) => [name, port]),
      [['https', 443]],
    );
    const endpoints = await space.get('/api/v1/namespaces/default/endpoints/kubernetes');
    const query = selecting({ 'kubernetes.io/service-name': 'kubernetes' });
    const { items } = await space.get(`${discovery}/namespaces/default/endpointslices?${query}`);
    assert.equal(endpoints.subsets.length, 1);
    assert.equal(ofEndpoints(endpoints).length, 1);
    assert.deepEqual(ofSlices(items), ofEndpoints(endpoints));
    assert.deepEqual(
      items.map((one: any) => [one.addressType, one.endpoints[0].conditions.ready, one.ports[0].name]),
      [['IPv4', true, 'https']],
    );
  });

  requirement('EndpointSlice should support creating EndpointSlice API operations', (space) =>
    supportsAllOperations(space, {
      resource: ['discovery.k8s.io', 'v1', 'endpointslices'],
      isNamespaced: true,
      rest: () => ({
        addressType: 'IPv4',
        endpoints: [{ addresses: ['1.2.3.4', '5.6.7.8'] }, { addresses: ['2.2.3.4', '6.6.7.8'] }],
        ports: null,
      }),
    }),
  );

  requirement('IngressClass API should support creating IngressClass API operations', (space) =>
    supportsAllOperations(space, {
      resource: ['networking.k8s.io', 'v1', 'ingressclasses'],
      isNamespaced: false,
      name: (index) => `ingressclass-${index}-${space.namespace}`,
      rest: () => ({ spec: { controller: 'example.com/controller' } }),
    }),
  );

  requirement('ServiceCIDR and IPAddress API should support IPAddress API operations', (space) =>
    supportsAllOperations(space, {
      resource: ['networking.k8s.io', 'v1', 'ipaddresses'],
      isNamespaced: false,
      name: (index) => ['255.255.255.255', 'fe80::42:1dff:fe84:f9e2', '192.168.8.1'][index]!,
      rest: () => ({
        spec: { parentRef: { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' } },
      }),
    }),
  );

  requirement('Ingress API should support creating Ingress API operations', (space) =>
    supportsAllOperations(space, {
      resource: ['networking.k8s.io', 'v1', 'ingresses'],
      isNamespaced: true,
      rest: () => ({
        spec: {
          defaultBackend: { service: { name: 'default-backend', port: { number: 80 } } },
          tls: [{ hosts: ['foo.bar.com'], secretName: 'secret' }],
          rules: [
            {
              host: 'foo.bar.com',
              http: {
                paths: [
                  {
                    path: '/foo',
                    pathType: 'ImplementationSpecific',
                    backend: { service: { name: 'test-backend', port: { number: 8080 } } },
                  },
                ],
              },
            },
          ],
        },
      }),
      more: async (path) => {
        const ingress = [{ ip: '169.1.1.1' }];
        const patched = await space.ask('PATCH', `${path}/status`, {
          body: { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } },
          contentType: merge,
        });
        assert.deepEqual(patched.status.loadBalancer.ingress, ingress);
        assert.equal(patched.metadata.annotations.patchedstatus, 'true');
        const loadBalancer = { ingress: [{ ip: '169.1.1.2' }, { hostname: 'a.example.com' }] };
        const updated = await update(space, path, (one) => Object.assign(one.status, { loadBalancer }), '/status');
        assert.deepEqual(updated.status, { loadBalancer });
        const read = await space.get(`${path}/status`);
        assert.deepEqual([read.metadata.uid, read.status], [patched.metadata.uid, { loadBalancer }]);
      },
    }),
  );

  requirement(
    'EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods',
    (space) =>
      comesAndGoesEmpty(space, async ({ metadata: { name, uid } }) => {
        const { items } = await space.get(slicesOf(space, name));
        assert.equal(items.length, 1);
        const [{ metadata, endpoints, addressType, ports }] = items;
        assert.equal(metadata.labels['endpointslice.kubernetes.io/managed-by'], 'endpointslice-controller.k8s.io');
        assert.deepEqual(
          metadata.ownerReferences.map((one: any) => [one.kind, one.name, one.uid, one.controller]),
          [['Service', name, uid, true]],
        );
        assert.deepEqual([endpoints ?? [], ports ?? [], addressType], [[], [], 'IPv4']);
      }),
  );

  requirement(
    'EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods',
    (space) =>
      comesAndGoesEmpty(space, async ({ metadata: { name } }) => {
        const endpoints = await space.get(space.path('/api/v1', `endpoints/${name}`));
        assert.equal(endpoints.subsets, undefined);
        assert.equal(endpoints.metadata.labels['endpoints.kubernetes.io/managed-by'], 'endpoint-controller');
      }),
  );

  requirement('EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service', async (space) => {
    const { pods, names } = await matchesPods(space);
    const [alone, together, none] = names as [string, string, string];
    const single = await untilEndpoints(space, alone, { pod1: [3000] });
    const both = await untilEndpoints(space, together, { pod1: [3000], pod2: [3001] });
    await untilEndpoints(space, none, {});
    assert.deepEqual([single.slices.length, both.slices.length, both.endpoints.subsets.length], [1, 2, 2]);
    for (const { endpoints, ports } of [...single.slices, ...both.slices]) {
      const [{ addresses, conditions, targetRef, nodeName }] = endpoints;
      const pod = pods.find((one) => one.metadata.name === targetRef.name);
      assert.deepEqual(addresses, [pod.status.podIP]);
      assert.deepEqual(conditions, { ready: true, serving: true, terminating: false });
      assert.deepEqual([targetRef.kind, targetRef.uid, nodeName], ['Pod', pod.metadata.uid, space.node]);
      assert.deepEqual([ports[0].name, ports[0].protocol], ['example', 'TCP']);
    }
    // Those that somebody deletes come again.
    for (const { metadata } of both.slices) {
      await space.ask('DELETE', space.path(discovery, `endpointslices/${metadata.name}`));
    }
    const gone = new Set(both.slices.map(({ metadata }: any) => metadata.uid));
    await space.until('new slices', slicesOf(space, together), ({ items }) => {
      return items.length === 2 && items.every(({ metadata }: any) => !gone.has(metadata.uid));
    });
    await untilEndpoints(space, together, { pod1: [3000], pod2: [3001] });
  });

  requirement('EndpointsController should create Endpoints for Pods matching a Service', async (space) => {
    const { pods, names } = await matchesPods(space);
    const { endpoints } = await untilEndpoints(space, names[1]!, { pod1: [3000], pod2: [3001] });
    for (const { addresses, ports, notReadyAddresses } of endpoints.subsets) {
      const pod = pods.find((one) => one.metadata.name === addresses[0].targetRef.name);
      assert.deepEqual([addresses.length, notReadyAddresses, ports[0].name], [1, undefined, 'example']);
      const { ip, nodeName, targetRef } = addresses[0];
      const { kind, namespace, uid } = targetRef;
      assert.deepEqual(
        { ip, nodeName, kind, namespace, uid },
        {
          ip: pod.status.podIP,
          nodeName: space.node,
          kind: 'Pod',
          namespace: space.namespace,
          uid: pod.metadata.uid,
        },
      );
    }
    const deleted = space.path('/api/v1', `endpoints/${names[1]}`);
    await space.ask('DELETE', deleted);
    await space.until('Endpoints come again', space.path('/api/v1', 'endpoints'), ({ items }) =>
      items.some(({ metadata }: any) => metadata.name === names[1] && metadata.uid !== endpoints.metadata.uid),
    );
    await untilEndpoints(space, names[1]!, { pod1: [3000], pod2: [3001] });
  });

  requirement(
    'EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete',
    async (space) => {
      const name = 'example-custom-endpoints';
      await makeService(space, name, { ports: [{ name: 'example', port: 80, protocol: 'TCP' }] });
      const path = space.path('/api/v1', 'endpoints');
      const endpoints = (ip: string, port: number) => ({
        body: { metadata: { name }, subsets: [{ addresses: [{ ip }], ports: [{ port }] }] },
      });
      const made = await space.ask('POST', path, endpoints('10.1.2.3', 80));
      const mirrored = (...expected: string[]) =>
        space.until(`a mirror of ${expected}`, slicesOf(space, name), ({ items }) => {
          return items.length === expected.length && ofSlices(items).join() === expected.join();
        });
      const { items } = await mirrored('10.1.2.3:80');
      const { labels, ownerReferences } = items[0].metadata;
      assert.equal(labels['endpointslice.kubernetes.io/managed-by'], 'endpointslicemirroring-controller.k8s.io');
      assert.deepEqual(
        ownerReferences.map(({ kind, uid }: any) => [kind, uid]),
        [['Endpoints', made.metadata.uid]],
      );
      // Whatever its version is.
      await space.ask('PUT', `${path}/${name}`, endpoints('10.2.3.4', 80));
      await mirrored('10.2.3.4:80');
      await space.ask('PUT', `${path}/${name}`, endpoints('10.2.3.4', 8080));
      await mirrored('10.2.3.4:8080');
      await space.ask('DELETE', `${path}/${name}`);
      await mirrored();
    },
  );

  requirement('Endpoints should test the lifecycle of an Endpoint', async (space) => {
    const path = space.path('/api/v1', 'endpoints');
    const labels = { 'test-endpoint-static': 'true' };
    const { metadata } = await space.get(`${path}?${selecting(labels)}`);
    const query = `${selecting(labels)}&resourceVersion=${metadata.resourceVersion}`;
    using watch = await ApiWatch.open(space, `${path}?${query}`);
    const name = 'testservice';
    await space.ask('POST', path, {
      body: {
        metadata: { name, labels },
        subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
      },
    });
    await watch.until('it was made', ({ type }) => type === 'ADDED');
    const everywhere = await space.get(`/api/v1/endpoints?${selecting(labels)}`);
    assert.ok(everywhere.items.some((one: any) => one.metadata.namespace === space.namespace));
    await update(space, `${path}/${name}`, (one) => Object.assign(one.metadata.labels, { 'test-service': 'updated' }));
    await watch.until('a new label', ({ object }) => object.metadata.labels['test-service'] === 'updated');
    const subsets = [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080 }] }];
    const body = { metadata: { labels: { 'test-service': 'patched' } }, subsets };
    await space.ask('PATCH', `${path}/${name}`, { body });
    await watch.until('a patch', ({ object }) => object.metadata.labels['test-service'] === 'patched');
    const patched = await space.get(`${path}/${name}`);
    assert.deepEqual(patched.subsets, [
      { addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080, protocol: 'TCP' }] },
    ]);
    await space.ask('DELETE', `${path}?${selecting(labels)}`);
    const { object } = await watch.until('it is gone', ({ type }) => type === 'DELETED');
    assert.equal(object.metadata.labels['test-service'], 'patched');
    assert.equal((await space.request('GET', `${path}/${name}`)).code, 404);
    assert.deepEqual([...new Set(watch.told.map(({ type }) => type))], ['ADDED', 'MODIFIED', 'DELETED']);
  });

  requirement('Services should complete a service status lifecycle', async (space) => {
    const path = space.path('/api/v1', 'services');
    const labels = { 'test-service-static': 'true' };
    const { metadata } = await space.get(`/api/v1/services?${selecting(labels)}`);
    const query = `${selecting(labels)}&resourceVersion=${metadata.resourceVersion}`;
    using watch = await ApiWatch.open(space, `${path}?${query}`);
    const name = 'test-service';
    const one = `${path}/${name}`;
    const port = { name: 'http', protocol: 'TCP', port: 80, targetPort: 80 };
    await makeService(space, name, { type: 'LoadBalancer', ports: [port] }, labels);
    await watch.until('it was made', ({ type, object }) => type === 'ADDED' && object.metadata.name === name);
    const read = await space.get(`${one}/status`);
    assert.equal(read.metadata.name, name);
    assert.ok('loadBalancer' in read.status);

    const loadBalancer = { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] };
    await space.ask('PATCH', `${one}/status`, {
      body: {
        metadata: { annotations: { patchedstatus: 'true' } },
        spec: { sessionAffinity: 'ClientIP' },
        status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
      },
      contentType: merge,
    });
    const afterPatch = await watch.until('a patch', ({ object }) => object.metadata.annotations?.patchedstatus);
    assert.deepEqual(afterPatch.object.status, { loadBalancer });
    assert.equal(afterPatch.object.spec.sessionAffinity, 'None');

    const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
    await update(space, `${one}/status`, ({ status }) => {
      // As a client in Go has it that says no time.
      status.conditions = [{ ...condition, lastTransitionTime: null }];
    });
    const afterUpdate = await watch.until('an update', ({ object }) => object.status.conditions?.length > 0);
    assert.deepEqual(afterUpdate.object.status.loadBalancer, loadBalancer);
    assert.equal(afterUpdate.object.status.conditions[0].message, 'Set from e2e test');

    await space.ask('PATCH', one, {
      body: {
        metadata: { creationTimestamp: null, labels: { 'test-service': 'patched' } },
        spec: {},
        status: { loadBalancer: {} },
      },
    });
    const last = await watch.until('a new label', ({ object }) => object.metadata.labels['test-service'] === 'patched');
    assert.deepEqual(last.object.status, afterUpdate.object.status);
    await space.ask('DELETE', one);
    await watch.until('it is gone', ({ type, object }) => type === 'DELETED' && object.metadata.name === name);
    assert.equal((await space.request('GET', one)).code, 404);
  });

  requirement('Services should delete a collection of services', async (space) => {
    const path = space.path('/api/v1', 'services');
    const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
    const collection = { 'e2e-collection': space.namespace };
    for (const index of [0, 1, 2]) {
      const labels = index < 2 ? collection : { other: 'true' };
      await makeService(space, `e2e-svc-${index}`, { ports }, labels);
    }
    const names = async () => (await space.get(path)).items.map((one: any) => one.metadata.name).toSorted();
    assert.deepEqual(await names(), ['e2e-svc-0', 'e2e-svc-1', 'e2e-svc-2']);
    await space.ask('DELETE', `${path}?${selecting(collection)}`);
    await space.until('two are gone', path, ({ items }) => items.length === 1);
    assert.deepEqual(await names(), ['e2e-svc-2']);
  });

  requirement('Services should find a service from listing all namespaces', async (space) => {
    const { items } = await space.get('/api/v1/services');
    const found = items.find(({ metadata }: any) => metadata.name === 'kubernetes' && metadata.namespace === 'default');
    assert.deepEqual(found.metadata.labels, { component: 'apiserver', provider: 'kubernetes' });
  });
});
