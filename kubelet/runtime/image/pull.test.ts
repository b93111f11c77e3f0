// Pulling from a registry on loopback: tokens, indexes, resuming, digests, mirrors, and how failures are worded.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { realClock } from '../../../machinery/clock.ts';
import { ImageStore } from './image-store.ts';
import { LayerStore } from './layer-store.ts';
import { createPuller, type Puller, removeStaleParts } from './pull.ts';
import { credentialsOf, parseChallenge } from './registry.ts';

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const never = new AbortController().signal;

async function buildImage() {
  const tar = pack();
  tar.entry({ name: 'hello.txt' }, 'hello\n'.repeat(5000));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const plain = Buffer.concat(chunks);
  const layer = gzipSync(plain, { level: 0 });
  const config = Buffer.from(JSON.stringify({ config: { User: '7' }, rootfs: { diff_ids: [digestOf(plain)] } }));
  const describeBlob = (bytes: Buffer) => ({ digest: digestOf(bytes), size: bytes.length });
  const manifest = Buffer.from(JSON.stringify({ config: describeBlob(config), layers: [describeBlob(layer)] }));
  const platform = { os: 'linux', architecture: 'amd64' };
  const index = Buffer.from(JSON.stringify({ manifests: [{ ...describeBlob(manifest), platform }] }));
  return { layer, config, manifest, index };
}

type Handler = (req: IncomingMessage, res: ServerResponse) => boolean;

async function startRegistry(intercept: Handler = () => false) {
  const image = await buildImage();
  const requests: string[] = [];
  const blobs = [image.layer, image.config, image.manifest];
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}${req.headers.range ? ` ${req.headers.range}` : ''}`);
    if (intercept(req, res)) return;
    const [, kind, ref] = /\/v2\/team\/app\/(manifests|blobs)\/(.+)$/.exec(req.url ?? '') ?? [];
    const found =
      kind === 'manifests' && ref === '1' ? image.index : [...blobs, image.index].find((b) => digestOf(b) === ref);
    if (!found) return void res.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}');
    const from = Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0);
    res.writeHead(from > 0 ? 206 : 200).end(req.method === 'HEAD' ? undefined : found.subarray(from));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { image, requests, host, close: () => server.close() };
}

describe('createPuller()', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-pull-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  let count = 0;
  const progress = { clock: realClock, timeoutMs: 1_000 };
  const newStore = (mirrors = new Map<string, string[]>()) => {
    const root = join(dir, String(count++));
    const images = new ImageStore(join(root, 'images'), new LayerStore(join(root, 'layers')));
    const ingestDir = join(root, 'ingest');
    const puller: Puller = createPuller({ images, ingestDir, architecture: 'amd64', mirrors, progress });
    return { root, images, puller, ingestDir };
  };

  test('pulls an image through an index and unpacks it', async () => {
    const registry = await startRegistry();
    const { root, images, puller, ingestDir } = newStore();
    const record = await puller.pull(`${registry.host}/team/app:1`, null, never);
    registry.close();
    assert.equal(record.id, digestOf(registry.image.config).slice(7));
    assert.deepEqual(record.tags, [`${registry.host}/team/app:1`]);
    assert.deepEqual(record.digests, [`${registry.host}/team/app@${digestOf(registry.image.index)}`]);
    assert.equal(record.config.user, '7');
    assert.match(readFileSync(join(root, 'layers/1/fs/hello.txt'), 'utf8'), /^hello\n/);
    assert.ok(!existsSync(join(ingestDir, digestOf(registry.image.layer).replace(':', '-'))));
    assert.equal(images.find(`${registry.host}/team/app:1`)?.id, record.id);
    assert.equal(
      images.layers.lowerDirs([...record.diffIds, ...record.diffIds]),
      '1/fs',
      'a layer that is there twice',
    );
    await images.remove(record.id);
    assert.deepEqual(images.list(), []);
    assert.ok(!existsSync(join(root, 'layers/1')));
  });

  test('continues a part that is there', async () => {
    const registry = await startRegistry();
    const { puller, ingestDir } = newStore();
    mkdirSync(ingestDir, { recursive: true });
    const { layer } = registry.image;
    writeFileSync(join(ingestDir, digestOf(layer).replace(':', '-')), layer.subarray(0, 1000));
    await puller.pull(`${registry.host}/team/app:1`, null, never);
    registry.close();
    assert.ok(
      registry.requests.some((r) => r.endsWith('bytes=1000-')),
      registry.requests.join('\n'),
    );
  });

  test('fetches a token with the credentials and the scope asked for', async () => {
    const registry = await startRegistry((req, res) => {
      if (req.url?.startsWith('/token')) {
        const wanted = `Basic ${Buffer.from('me:secret').toString('base64')}`;
        res.writeHead(req.headers.authorization === wanted ? 200 : 403).end('{"token":"t0k"}');
        return true;
      }
      if (req.headers.authorization === 'Bearer t0k') return false;
      const realm = `http://${req.headers.host}/token`;
      res.writeHead(401, {
        'www-authenticate': `Bearer realm="${realm}",service="reg",scope="repository:team/app:pull"`,
      });
      res.end();
      return true;
    });
    const auth = {
      username: 'me',
      password: 'secret',
      auth: '',
      server_address: '',
      identity_token: '',
      registry_token: '',
    };
    await newStore().puller.pull(`${registry.host}/team/app:1`, auth, never);
    const wrong = newStore().puller.pull(`${registry.host}/team/app:1`, { ...auth, password: 'no' }, never);
    await assert.rejects(
      wrong,
      /failed to authorize: failed to fetch oauth token: unexpected status from GET request to .*: 403 Forbidden/,
    );
    registry.close();
    assert.ok(registry.requests.some((r) => r.includes('scope=repository%3Ateam%2Fapp%3Apull')));
  });

  test('refuses content that is not what its digest says', async () => {
    const registry = await startRegistry((req, res) => {
      if (!req.url?.includes('/blobs/') || req.headers.accept?.includes('manifest')) return false;
      res.end('something else');
      return true;
    });
    await assert.rejects(newStore().puller.pull(`${registry.host}/team/app:1`, null, never), /blob is sha256:\w+, not/);
    registry.close();
  });

  test('two pulls of one layer at the same time fetch it once', async () => {
    const registry = await startRegistry((req, res) => {
      const { layer } = registry.image;
      if (req.method !== 'GET' || !req.url?.endsWith(digestOf(layer))) return false;
      const from = Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0);
      res.writeHead(from > 0 ? 206 : 200);
      res.write(layer.subarray(from, from + 1000), () => setImmediate(() => res.end(layer.subarray(from + 1000))));
      return true;
    });
    const { puller } = newStore();
    const digest = digestOf(registry.image.index);
    const names = [`${registry.host}/team/app:1`, `${registry.host}/team/app@${digest}`];
    const found = await Promise.all(names.map((name) => puller.pull(name, null, never)));
    registry.close();
    assert.equal(found[0]!.id, found[1]!.id);
    assert.equal(registry.requests.filter((r) => r.includes(digestOf(registry.image.layer))).length, 1);
  });

  test('refuses more than the registry announced', async () => {
    let sent = 0;
    const registry = await startRegistry((req, res) => {
      const isLayer = req.url?.endsWith(digestOf(registry.image.layer));
      const isIndex = req.url?.endsWith('/manifests/huge');
      if (!isLayer && !isIndex) return false;
      if (req.method === 'HEAD') return res.end() !== undefined;
      const piece = Buffer.alloc(1 << 20);
      const more = (err?: Error | null) => {
        if (err || res.destroyed) return; // whoever asked has gone
        sent += piece.length;
        if (sent > 200 << 20) res.end();
        else res.write(piece, more);
      };
      more();
      return true;
    });
    const { puller, ingestDir } = newStore();
    await assert.rejects(puller.pull(`${registry.host}/team/app:1`, null, never), /longer than the \d+ bytes/);
    await assert.rejects(puller.pull(`${registry.host}/team/app:huge`, null, never), /manifest is too large/);
    registry.close();
    assert.deepEqual(readdirSync(ingestDir), []);
    assert.ok(sent < 100 << 20, `${sent} bytes were taken`);
  });

  test('parts that nobody comes back for go', () => {
    const { ingestDir } = newStore();
    for (const name of ['old', 'new']) writeFileSync(join(ingestDir, name), '');
    utimesSync(join(ingestDir, 'old'), 1_000, 1_000);
    removeStaleParts(ingestDir, 2_000_000);
    assert.deepEqual(readdirSync(ingestDir), ['new']);
    removeStaleParts(join(ingestDir, 'none'), 2_000_000);
  });

  test('asks a mirror first', async () => {
    const registry = await startRegistry();
    const { puller } = newStore(new Map([['registry.k8s.io', [`http://${registry.host}`]]]));
    const record = await puller.pull('registry.k8s.io/team/app:1', null, never);
    registry.close();
    assert.deepEqual(record.tags, ['registry.k8s.io/team/app:1']);
  });

  test('words failures as users know them', async () => {
    const registry = await startRegistry();
    const { host } = registry;
    const missing = newStore().puller.pull(`${host}/team/none:1`, null, never);
    await assert.rejects(missing, {
      code: 5,
      message: `failed to pull and unpack image "${host}/team/none:1": failed to resolve image: ${host}/team/none:1: not found`,
    });
    registry.close();
    await new Promise((resolve) => setImmediate(resolve));
    const refused = newStore().puller.pull(`${host}/team/app:1`, null, never);
    await assert.rejects(refused, {
      message: `failed to pull and unpack image "${host}/team/app:1": failed to resolve image: failed to do request: Head "https://${host}/v2/team/app/manifests/1": dial tcp ${host}: connect: connection refused`,
    });
    await assert.rejects(newStore().puller.pull('BAD//Name:1', null, never), { code: 3, message: /must be lowercase/ });
  });

  describe('says of a registry that refuses', () => {
    const auth = {
      username: 'me',
      password: 'no',
      auth: '',
      server_address: '',
      identity_token: '',
      registry_token: '',
    };
    const access =
      'failed to resolve image: pull access denied, repository does not exist or may require authorization';
    const url = (host: string) => `http://${host}/v2/team/app/manifests/1`;
    const token = (host: string) => `http://${host}/token?service=s&scope=repository%3Ateam%2Fapp%3Apull`;
    const cases: [string, string, typeof auth | null, number, (host: string) => string][] = [
      ['Basic realm="r"', 'all', null, 401, () => `${access}: authorization failed: no basic auth credentials`],
      [
        'Basic realm="r"',
        'the wrong',
        auth,
        401,
        (host) => `failed to resolve image: unexpected status from HEAD request to ${url(host)}: 401 Unauthorized`,
      ],
      [
        'Bearer realm="REALM",service="s",error="insufficient_scope"',
        'those of a scope',
        null,
        200,
        () => `${access}: server message: insufficient_scope: authorization failed`,
      ],
      [
        'Bearer realm="REALM",service="s"',
        'to give a token',
        null,
        401,
        (host) =>
          `failed to resolve image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to ${token(host)}: 401 Unauthorized: unauthorized: log in`,
      ],
    ];
    for (const [challenge, who, credentials, tokenStatus, why] of cases)
      test(who, async () => {
        const registry = await startRegistry((req, res) => {
          const isToken = req.url!.startsWith('/token');
          const header = challenge.replace('REALM', `http://${req.headers.host}/token`);
          res.writeHead(isToken ? tokenStatus : 401, isToken ? {} : { 'www-authenticate': header });
          res.end('{"token":"t","errors":[{"code":"UNAUTHORIZED","message":"log in"}]}');
          return true;
        });
        const name = `${registry.host}/team/app:1`;
        const pull = newStore().puller.pull(name, credentials, never);
        await assert.rejects(pull, { message: `failed to pull and unpack image "${name}": ${why(registry.host)}` });
        registry.close();
      });
  });
});

test('parseChallenge() reads quoted and bare parameters', () => {
  const params = { realm: 'https://a/t?x=1,2', service: 's', scope: 'repository:x:pull,push' };
  assert.deepEqual(parseChallenge('Bearer realm="https://a/t?x=1,2",service=s, scope="repository:x:pull,push"'), {
    scheme: 'bearer',
    params,
  });
});

test('credentialsOf() takes either form', () => {
  const none = { username: '', password: '', auth: '', server_address: '', identity_token: '', registry_token: '' };
  assert.equal(credentialsOf(none), null);
  assert.deepEqual(credentialsOf({ ...none, auth: Buffer.from('a:b:c').toString('base64') }), {
    username: 'a',
    password: 'b:c',
  });
});
