import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { Aggregator } from '../aggregation/aggregator.ts';
import type { FrontRequest } from '../http/front.ts';
import { decodeMessage, readEnvelope } from '../protobuf/envelope.ts';
import { metaMessages } from '../protobuf/meta-messages.ts';
import { createDiscovery } from './discovery.ts';

test('a path with a slash at its end is the same document', async () => {
  const { context } = await startMemoryApi();
  const groups = new Aggregator(context, undefined);
  const respond = createDiscovery(context.kinds, { serverAddress: '127.0.0.1:6443', groups });
  const request = { url: '/', headers: {} } as FrontRequest;
  for (const path of ['/api', '/apis', '/api/v1', '/apis/apps', '/apis/apps/v1']) {
    const plain = respond(path, request)?.body;
    assert.ok(plain, path);
    assert.deepEqual(respond(`${path}/`, request)?.body, plain, path);
    if (path !== '/apis') assert.deepEqual(respond(`${path}//`, request)?.body, plain, path);
  }
  for (const path of ['/apis//', '/apis//apps', '/api//v1', '/apis/apps//v1'])
    assert.equal(respond(path, request), undefined, path);
});

// As Kubernetes' own servers say them: clients compare them across servers.
test('the hash of a stored version is Kubernetes’', async () => {
  const { context } = await startMemoryApi();
  const groups = new Aggregator(context, undefined);
  const respond = createDiscovery(context.kinds, { serverAddress: '127.0.0.1:6443', groups });
  const { body } = respond('/api/v1', { url: '/api/v1', headers: {} } as FrontRequest)!;
  const { resources } = JSON.parse(String(body)) as { resources: { name: string; storageVersionHash?: string }[] };
  const hashes = {
    pods: 'xPOwRZ+Yhw8=',
    services: '0/CO1lhkEBI=',
    configmaps: 'qFsyl6wFWjQ=',
    secrets: 'S6u1pOWzb84=',
  };
  for (const [name, hash] of Object.entries(hashes)) {
    assert.equal(resources.find((r) => r.name === name)?.storageVersionHash, hash, name);
  }
});

test('every document is there in protobuf and YAML too', async () => {
  const { context } = await startMemoryApi();
  const groups = new Aggregator(context, undefined);
  const respond = createDiscovery(context.kinds, { serverAddress: '127.0.0.1:6443', groups });
  const answer = (path: string, accept: string) =>
    respond(path, { url: path, headers: { accept } } as unknown as FrontRequest)!;
  const protobuf = 'application/vnd.kubernetes.protobuf';
  const aggregated = 'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const documents: [path: string, parameters: string, kind: string][] = [
    ['/api', '', 'APIVersions'],
    ['/apis', '', 'APIGroupList'],
    ['/api/v1', '', 'APIResourceList'],
    ['/apis/apps', '', 'APIGroup'],
    ['/apis/apps/v1', '', 'APIResourceList'],
    ['/apis', `;${aggregated}`, 'APIGroupDiscoveryList'],
  ];
  for (const [path, parameters, kind] of documents) {
    const { headers, body } = answer(path, `${protobuf}${parameters},application/json`);
    assert.equal(headers['content-type'], `${protobuf}${parameters}`);
    const json = JSON.parse(String(answer(path, `application/json${parameters}`).body));
    const { raw, ...type } = readEnvelope(body as Buffer);
    assert.deepEqual(type, { kind, apiVersion: json.apiVersion ?? '' });
    const { kind: _kind, apiVersion: _version, ...rest } = json;
    const schema = metaMessages[`${json.apiVersion ?? 'v1'} ${kind}`]!;
    assert.deepEqual(decodeMessage(schema, raw), decodeValue(schema, rest, { defaults: false }).value);
  }
  assert.match(String(answer('/apis/apps', 'application/yaml').body), /^kind: APIGroup$/m);
  assert.throws(() => answer('/apis/apps', 'text/html'), { code: 406 });
});

test('the aggregated form is for who would like it best, in a version that there is', async () => {
  const { context } = await startMemoryApi();
  const groups = new Aggregator(context, undefined);
  const respond = createDiscovery(context.kinds, { serverAddress: '127.0.0.1:6443', groups });
  const json = 'application/json';
  const form = (version: string, group = 'apidiscovery.k8s.io') =>
    `${json};g=${group};v=${version};as=APIGroupDiscoveryList`;
  const cases: [accept: string, apiVersion: string | undefined][] = [
    [`${form('v2')},${form('v2beta1')},${json}`, 'apidiscovery.k8s.io/v2'],
    [`${form('v2beta1')},${json}`, 'apidiscovery.k8s.io/v2beta1'],
    [`${form('v9')},${json}`, undefined],
    [`${form('v9')},${form('v2beta1')}`, 'apidiscovery.k8s.io/v2beta1'],
    [`${form('v2', 'other')},${json}`, undefined],
    [`${json},${form('v2')}`, undefined],
    [`${form('v2')};q=0.5,${json}`, undefined],
    [`text/html,${form('v2')};q=0.5,*/*;q=0.1`, 'apidiscovery.k8s.io/v2'],
    ['*/*', undefined],
  ];
  for (const [accept, apiVersion] of cases) {
    const { body } = respond('/api', { url: '/api', headers: { accept } } as unknown as FrontRequest)!;
    assert.equal(JSON.parse(String(body)).apiVersion, apiVersion, accept);
  }
  const only = { url: '/api', headers: { accept: form('v9') } } as unknown as FrontRequest;
  assert.throws(() => respond('/api', only), { code: 406 });
});
