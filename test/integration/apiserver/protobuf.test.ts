// Protobuf over HTTP, as Go clients speak it: requests and answers of every verb, watches, errors, metadata alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { ConfigMapKind } from '../../../api/core/configmap.ts';
import { PodKind } from '../../../api/core/pod.ts';
import { deleteOptions } from '../../../api/meta/delete-options.ts';
import { decodeMessage, encodeEnvelope, encodeObject, readEnvelope } from '../../../apiserver/protobuf/envelope.ts';
import { listMeta, metaMessages } from '../../../apiserver/protobuf/meta-messages.ts';
import { decodeValue } from '../../../machinery/decode.ts';
import { type ObjectSchema, s } from '../../../machinery/schema.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { Kubectl } from '../../environment/kubectl.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const asGo = `${protobuf},application/json`;
const maps = '/api/v1/namespaces/default/configmaps';
const statusSchema = metaMessages['v1 Status']!;
const mapSchema = ConfigMapKind.storage.schema;

let api: TestControlPlane;
let session: ClientHttp2Session;
before(async () => {
  api = await startControlPlane();
  session = await api.openSession();
});
after(async () => {
  session.destroy();
  await api[Symbol.asyncDispose]();
});

interface Sent {
  body?: Buffer;
  accept?: string;
  type?: string;
}

function open(method: string, path: string, { body, accept = asGo, type = protobuf }: Sent = {}) {
  const headers = { ':method': method, ':path': path, accept, ...(body ? { 'content-type': type } : {}) };
  const stream = session.request(headers, { endStream: !body });
  if (body) stream.end(body);
  return stream;
}

async function send(method: string, path: string, sent: Sent = {}) {
  const stream = open(method, path, sent);
  const [headers] = await once(stream, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { code: headers[':status'], type: String(headers['content-type']), body: Buffer.concat(chunks) };
}

/** What is in an envelope, with its kind. */
function open1(envelope: Buffer, schema: ObjectSchema): any {
  const { raw, ...type } = readEnvelope(envelope);
  return { ...decodeValue(schema, decodeMessage(schema, raw)).value, ...type };
}

const configMap = (name: string, data: object) =>
  encodeObject({ apiVersion: 'v1', kind: 'ConfigMap' }, mapSchema, { metadata: { name }, data });

/** The frames of a watch, as they come. */
async function* framesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<{ type: string; envelope: Buffer }> {
  const watchEvent = s.object('io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent', '', { type: s.string('') });
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const frame = held.subarray(4, 4 + held.readUInt32BE(0));
      held = held.subarray(4 + frame.length);
      const { type } = decodeMessage(watchEvent, frame) as { type: string };
      yield { type, envelope: frame.subarray(frame.indexOf('k8s\0')) };
    }
  }
}

describe('protobuf over HTTP', () => {
  test('create, get, update and list', async () => {
    const created = await send('POST', maps, { body: configMap('pb-a', { a: '1', b: 'é😀' }) });
    assert.deepEqual([created.code, created.type], [201, protobuf]);
    const object = open1(created.body, mapSchema);
    assert.deepEqual([object.kind, object.data], ['ConfigMap', { a: '1', b: 'é😀' }]);
    assert.equal(object.metadata.managedFields[0].fieldsV1['f:data']['f:a'] !== undefined, true);

    const inJson = (await api.request('GET', `${maps}/pb-a`)).body;
    const got = await send('GET', `${maps}/pb-a`, { accept: protobuf });
    assert.deepEqual(open1(got.body, mapSchema), inJson);

    const { apiVersion, kind, ...rest } = { ...inJson, data: { a: '2' } };
    const updated = await send('PUT', `${maps}/pb-a`, { body: encodeObject({ apiVersion, kind }, mapSchema, rest) });
    assert.deepEqual([updated.code, open1(updated.body, mapSchema).data], [200, { a: '2' }]);

    const listSchema = s.object('io.k8s.api.core.v1.ConfigMapList', '', {
      metadata: listMeta as never,
      items: s.list(mapSchema, ''),
    });
    const list = open1((await send('GET', `${maps}?limit=1`)).body, listSchema);
    const want = (await api.request('GET', `${maps}?limit=1`)).body;
    assert.deepEqual([list.kind, list.metadata.continue], ['ConfigMapList', want.metadata.continue]);
    assert.deepEqual(list.items, want.items);
  });

  test('patches are JSON, their answers protobuf', async () => {
    await send('POST', maps, { body: configMap('pb-patch', { a: '1' }) });
    const patch = { body: Buffer.from('{"data":{"b":"2"}}'), type: 'application/merge-patch+json' };
    const { code, body } = await send('PATCH', `${maps}/pb-patch`, patch);
    assert.deepEqual([code, open1(body, mapSchema).data], [200, { a: '1', b: '2' }]);
  });

  test('options of a delete, and its status', async () => {
    await send('POST', maps, { body: configMap('pb-gone', {}) });
    const options = (preconditions: object) =>
      encodeObject({ apiVersion: 'v1', kind: 'DeleteOptions' }, deleteOptions, { preconditions });
    const refused = await send('DELETE', `${maps}/pb-gone`, { body: options({ uid: 'another' }) });
    const conflict = open1(refused.body, statusSchema);
    assert.deepEqual([refused.code, conflict.reason, conflict.code], [409, 'Conflict', 409]);
    const gone = await send('DELETE', `${maps}/pb-gone`, { body: options({}) });
    assert.deepEqual([gone.code, open1(gone.body, statusSchema).status], [200, 'Success']);
  });

  test('a watch: what there is, what changes, bookmarks and errors', async () => {
    const names = 'fieldSelector=metadata.name%3Dpb-watched';
    await send('POST', maps, { body: configMap('pb-watched', { n: '0' }) });
    const query = `watch=true&${names}&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
    const stream = open('GET', `${maps}?${query}`, { accept: `${protobuf};stream=watch,application/json` });
    const [headers] = await once(stream, 'response');
    assert.equal(headers['content-type'], `${protobuf};stream=watch`);
    const frames = framesOf(stream);
    const next = async () => {
      const { value } = await frames.next();
      const { kind, metadata, data } = open1(value!.envelope, mapSchema);
      return [value!.type, kind, data?.n ?? metadata.annotations];
    };
    assert.deepEqual(await next(), ['ADDED', 'ConfigMap', '0']);
    assert.deepEqual(await next(), ['BOOKMARK', 'ConfigMap', { 'k8s.io/initial-events-end': 'true' }]);
    const patch = { body: Buffer.from('{"data":{"n":"1"}}'), type: 'application/merge-patch+json' };
    await send('PATCH', `${maps}/pb-watched`, patch);
    assert.deepEqual(await next(), ['MODIFIED', 'ConfigMap', '1']);
    await send('DELETE', `${maps}/pb-watched`);
    assert.deepEqual(await next(), ['DELETED', 'ConfigMap', '1']);
    stream.destroy();
  });

  test('metadata alone, of one, of many and of a watch', async () => {
    await send('POST', maps, { body: configMap('pb-meta', { big: 'x' }) });
    const accept = (as: string, version = 'v1') => `${protobuf};as=${as};g=meta.k8s.io;v=${version}`;
    const of = (as: string, version = 'v1') => metaMessages[`meta.k8s.io/${version} ${as}`]!;
    const one = await send('GET', `${maps}/pb-meta`, { accept: accept('PartialObjectMetadata') });
    const { kind, metadata, ...rest } = open1(one.body, of('PartialObjectMetadata'));
    assert.deepEqual(
      [kind, metadata.name, rest],
      ['PartialObjectMetadata', 'pb-meta', { apiVersion: 'meta.k8s.io/v1' }],
    );
    for (const version of ['v1', 'v1beta1']) {
      const query = `${maps}?fieldSelector=metadata.name%3Dpb-meta`;
      const { body } = await send('GET', query, { accept: accept('PartialObjectMetadataList', version) });
      const list = open1(body, of('PartialObjectMetadataList', version));
      assert.deepEqual(
        list.items.map((item: any) => item.metadata.name),
        ['pb-meta'],
      );
      assert.match(list.metadata.resourceVersion, /^\d+$/);
    }
    const watched = open('GET', `${maps}?watch=true&fieldSelector=metadata.name%3Dpb-meta`, {
      accept: accept('PartialObjectMetadata'),
    });
    const { value } = await framesOf(watched).next();
    assert.equal(open1(value!.envelope, of('PartialObjectMetadata')).metadata.name, 'pb-meta');
    watched.destroy();
  });

  test('what is answered and not stored', async () => {
    const { schema } = (await import('../../../api/authorization/selfsubjectaccessreview.ts'))
      .SelfSubjectAccessReviewKind.storage;
    const type = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
    const body = encodeObject(type, schema, { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } });
    const { code, body: answer } = await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      body,
    });
    assert.deepEqual([code, open1(answer, schema).status.allowed], [201, true]);
    const group = await send('GET', '/apis/apps');
    assert.equal(open1(group.body, metaMessages['v1 APIGroup']!).name, 'apps');
  });

  test('refusals', async () => {
    const pod = encodeObject({ apiVersion: 'v1', kind: 'Pod' }, PodKind.storage.schema, { metadata: { name: 'x' } });
    const broken = encodeEnvelope({ apiVersion: 'v1', kind: 'ConfigMap' }, (w) => w.raw(Buffer.from([0x0a, 0x7f])));
    const unrecognized = /^the object provided is unrecognized \(must be of type ConfigMap\): /;
    const cases: [what: string, sent: Sent, code: number, message: RegExp][] = [
      ['another kind', { body: pod }, 400, /^Pod in version "v1" cannot be handled as a ConfigMap: /],
      ['no protobuf', { body: Buffer.from('{}') }, 400, unrecognized],
      ['nothing after the prefix', { body: Buffer.from('k8s\0') }, 400, /empty body \(6b387300\)$/],
      ['an envelope that breaks off', { body: pod.subarray(0, pod.length - 10) }, 400, unrecognized],
      [
        'a message that breaks off',
        { body: broken },
        400,
        /^ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF$/,
      ],
      [
        'CBOR',
        { body: Buffer.from([0xa0]), type: 'application/cbor' },
        415,
        /accepted media types include: application\/json/,
      ],
    ];
    for (const [what, sent, code, message] of cases) {
      const answer = await send('POST', maps, sent);
      const status = open1(answer.body, statusSchema);
      assert.deepEqual([answer.code, status.code], [code, code], what);
      assert.match(status.message, message, what);
    }
    const missing = open1((await send('GET', `${maps}/pb-missing`)).body, statusSchema);
    assert.deepEqual([missing.reason, missing.details.name], ['NotFound', 'pb-missing']);
    const cbor = await send('GET', maps, { accept: 'application/cbor' });
    assert.deepEqual([cbor.code, cbor.type], [406, 'application/json']);
    const table = await send('GET', maps, { accept: `${protobuf};as=Table;g=meta.k8s.io;v=v1` });
    assert.equal(table.code, 406);
  });
});

const protobufMinor = 32;
const kubectlMinor = /"minor": *"(\d+)/.exec(
  spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' }).stdout ?? '',
);
const skip =
  Number(kubectlMinor?.[1] ?? 0) >= protobufMinor ? false : `kubectl here is not 1.${protobufMinor} or newer`;

describe('kubectl speaks protobuf', { skip }, () => {
  test('with its typed clients, both ways', async () => {
    const kubectl = new Kubectl(await api.kubeconfig());
    await api.namespace('default');
    const pod = { metadata: { name: 'pb-pod' }, spec: { containers: [{ name: 'c', image: 'shown:1' }] } };
    await api.request('POST', '/api/v1/namespaces/default/pods', { body: pod });
    const event = { involvedObject: { kind: 'Pod', name: 'pb-pod', namespace: 'default' }, message: 'a text of it' };
    const body = { metadata: { name: 'pb-event' }, reason: 'Shown', type: 'Normal', ...event };
    await api.request('POST', '/api/v1/namespaces/default/events', { body });
    const commands: [args: string[], shows: RegExp][] = [
      [['create', 'configmap', 'pb-kubectl', '--from-literal=a=b'], /configmap\/pb-kubectl created/],
      [['create', 'token', 'default'], /^ey/],
      [['auth', 'whoami'], /Username/],
      [['describe', 'pod', 'pb-pod'], /Image: +shown:1/],
      [['events'], /Shown +Pod\/pb-pod +a text of it/],
    ];
    for (const [args, shows] of commands) {
      const { code, stdout, stderr } = kubectl.run(['-v=8', ...args]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, shows);
      assert.match(stderr, /Accept: application\/vnd.kubernetes.protobuf,application\/json/, args.join(' '));
      assert.match(stderr, /Content-Type: application\/vnd.kubernetes.protobuf/, args.join(' '));
    }
    assert.deepEqual((await api.request('GET', `${maps}/pb-kubectl`)).body.data, { a: 'b' });
  });
});
