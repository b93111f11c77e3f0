import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestInfoOf } from './request-info.ts';

// method, path and query; then verb group/version namespace resource/subresource name rest
const cases: [request: string, want: string][] = [
  ['GET /api/v1/pods', 'list /v1 - pods - -'],
  ['GET /api/v1/pods?watch=true', 'watch /v1 - pods - -'],
  ['GET /api/v1/watch/pods', 'watch /v1 - pods - -'],
  ['POST /api/v1/watch/namespaces/n/pods', 'watch /v1 n pods - -'],
  ['GET /api/v1/namespaces', 'list /v1 - namespaces - -'],
  ['GET /api/v1/namespaces/n', 'get /v1 n namespaces n -'],
  ['PUT /api/v1/namespaces/n/finalize', 'update /v1 n namespaces/finalize n -'],
  ['PATCH /api/v1/namespaces/n/status', 'patch /v1 n namespaces/status n -'],
  ['GET /api/v1/namespaces/n/pods', 'list /v1 n pods - -'],
  ['HEAD /api/v1/namespaces/n/pods/p', 'get /v1 n pods p -'],
  ['GET /api/v1/namespaces/n/pods/p?watch=1', 'get /v1 n pods p -'],
  ['GET /api/v1/watch/namespaces/n/pods/p', 'watch /v1 n pods p -'],
  ['GET /api/v1/watch/namespaces/n/pods/p/status', 'watch /v1 n pods/status p -'],
  ['GET /api/v1/namespaces/n/pods/p/log', 'get /v1 n pods/log p -'],
  ['POST /api/v1/namespaces/n/pods/p/exec?command=a', 'create /v1 n pods/exec p -'],
  ['GET /api/v1/namespaces/n/services/s:80/proxy/a/b', 'get /v1 n services/proxy s:80 /a/b'],
  ['GET /api/v1/namespaces/n/services/s/proxy/a%20b//c/', 'get /v1 n services/proxy s /a%20b//c/'],
  ['GET /api/v1/namespaces/n/services/s/proxy/', 'get /v1 n services/proxy s /'],
  ['GET /api/v1/namespaces/n/services/s/proxy', 'get /v1 n services/proxy s -'],
  ['GET /api/v1/nodes/n/proxy/stats/summary', 'get /v1 - nodes/proxy n /stats/summary'],
  ['GET /api/v1/pods?watch=True', 'watch /v1 - pods - -'],
  ['GET /api/v1/pods?watch=', 'watch /v1 - pods - -'],
  ['GET /api/v1/pods?watch=False', 'list /v1 - pods - -'],
  ['GET /api/v1/pods?watch=0', 'list /v1 - pods - -'],
  // Pairs that Go cannot read are none.
  ['GET /api/v1/pods?watch=1;x', 'list /v1 - pods - -'],
  ['GET /api/v1/pods?limit=1&watch=%zz', 'list /v1 - pods - -'],
  ['DELETE /api/v1/namespaces/n/pods', 'deletecollection /v1 n pods - -'],
  ['OPTIONS /api/v1/namespaces/n/pods', '- /v1 n pods - -'],
  ['DELETE /api/v1/namespaces/n/pods/p', 'delete /v1 n pods p -'],
  ['PUT /apis/apps/v1/namespaces/n/deployments/d/scale', 'update apps/v1 n deployments/scale d -'],
  [
    'GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
    'get rbac.authorization.k8s.io/v1 - clusterroles system:node -',
  ],
  ['GET /apis/apps/v1', 'not a resource: get /apis/apps/v1'],
  ['GET /api', 'not a resource: get /api'],
  ['GET /healthz/etcd', 'not a resource: get /healthz/etcd'],
  ['POST /', 'not a resource: post /'],
  ['GET /api/v1/pods/%zz', 'get /v1 - pods %zz -'],
  // A path is decoded before it is cut.
  ['GET /api/v1/namespaces/n/services/s%2Fproxy%2Fa%2Fb/c%2Fd', 'get /v1 n services/proxy s /a%2Fb/c%2Fd'],
  ['GET /api/v1/namespaces/a%2Fb/pods', 'get /v1 a b pods -'],
  // Only slashes at the end count for nothing.
  ['GET /api/v1/namespaces//pods', 'list /v1 - pods - -'],
  ['GET /api/v1/namespaces/n//pods', 'get /v1 n - pods -'],
  ['GET /api/v1//pods', 'get /v1 - - pods -'],
  ['GET /api/v1/namespaces/n/pods//', 'list /v1 n pods - -'],
  ['GET /api/v1/namespaces/n/pods//log', 'list /v1 n pods/log - -'],
  ['GET //api/v1/pods', 'not a resource: get //api/v1/pods'],
];

for (const [request, want] of cases) {
  test(request, () => {
    const [method = '', url = ''] = request.split(' ');
    const i = requestInfoOf(method, url);
    const resource = i.subresource ? `${i.resource}/${i.subresource}` : i.resource;
    const parts = [i.verb, `${i.group}/${i.version}`, i.namespace, resource, i.name, i.rest].map((p) => p || '-');
    assert.equal(i.isResource ? parts.join(' ') : `not a resource: ${i.verb} ${i.path}`, want);
  });
}
