// A registry that answers with what it should not, or not at all.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { ImageStore } from './image-store.ts';
import { LayerStore } from './layer-store.ts';
import { createPuller } from './pull.ts';

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const layer = Buffer.from('not a layer');
const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [digestOf(layer)] } }));
const describeBlob = (bytes: Buffer) => ({ digest: digestOf(bytes), size: bytes.length });
const manifestOf = (layers: unknown[]) => Buffer.from(JSON.stringify({ config: describeBlob(config), layers }));
const good = manifestOf([describeBlob(layer)]);

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Answers requests of some path by its own way, others as a registry with a good manifest. */
async function startRegistry(path: RegExp, answer: Answer) {
  const server = createServer((req, res) => {
    if (path.test(req.url ?? '')) return answer(req, res);
    const found = [layer, config].find((b) => req.url?.endsWith(digestOf(b))) ?? good;
    res.writeHead(200).end(req.method === 'HEAD' ? undefined : found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: close };
}

const send = (body: Buffer | string, headers = {}) =>
  ((_req, res) => void res.writeHead(200, headers).end(body)) as Answer;
const endless: Answer = (req, res) => {
  res.writeHead(200);
  if (req.method === 'HEAD') return void res.end();
  const more = () => {
    if (!res.destroyed && !res.closed) res.write(Buffer.alloc(1 << 16), () => setImmediate(more));
  };
  more();
};
const stalled: Answer = (_req, res) => void res.writeHead(200).write('{');
const challenge =
  (header: string): Answer =>
  (req, res) =>
    req.url?.startsWith('/token') ? endless(req, res) : void res.writeHead(401, { 'www-authenticate': header }).end();

describe('a pull from a registry that', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-hostile-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const outside = join(dir, 'outside');
  let count = 0;
  const pull = async (path: RegExp, answer: Answer) => {
    await using registry = await startRegistry(path, answer);
    const root = join(dir, String(count++), 'a', 'b');
    const images = new ImageStore(join(root, 'images'), new LayerStore(join(root, 'layers')));
    const progress = { clock: realClock, timeoutMs: 2_000 };
    const options = { images, ingestDir: join(root, 'ingest'), architecture: 'amd64', mirrors: new Map(), progress };
    await createPuller(options).pull(`${registry.host}/team/app:1`, null, AbortSignal.timeout(20_000));
  };

  const cases: [string, RegExp, Answer, RegExp][] = [
    ['never answers', /manifests/, () => undefined, /nothing came from the registry for 2 s/],
    ['stops in the middle of a manifest', /manifests/, stalled, /nothing came from the registry/],
    ['stops in the middle of a layer', new RegExp(digestOf(layer)), stalled, /nothing came from the registry/],
    ['sends a manifest without end', /manifests/, endless, /manifest is too large/],
    ['sends a configuration without end', new RegExp(digestOf(config)), endless, /configuration is too large/],
    ['sends a layer without end', new RegExp(digestOf(layer)), endless, /longer than the 11 bytes/],
    [
      'goes in circles',
      /v2/,
      (req, res) => void res.writeHead(302, { location: req.url }).end(),
      /redirect count exceeded/,
    ],
    ['asks for a token from no address', /v2/, challenge('Bearer realm="no"'), /unknown authentication challenge/],
    ['sends JSON that is none', /manifests/, send('<html>'), /the manifest is not JSON/],
    [
      'sends an error of another form',
      /v2/,
      (_req, res) => void res.writeHead(500).end('{"errors":[null]}'),
      /: 500 Internal/,
    ],
  ];
  for (const [name, path, answer, why] of cases)
    test(name, { timeout: 20_000 }, () => assert.rejects(pull(path, answer), { message: why }));

  test('has a token without end', { timeout: 20_000 }, () =>
    assert.rejects(
      pull(/./, (req, res) => challenge(`Bearer realm="http://${req.headers.host}/token"`)(req, res)),
      /did not include a token/,
    ),
  );

  test('names a layer by a path', async () => {
    writeFileSync(outside, 'kept');
    const hostile = manifestOf([{ digest: 'sha256:/../../../../../outside', size: 100 }]);
    await assert.rejects(pull(/manifests/, send(hostile)), /layers\[0\].digest is not a sha256 digest/);
    assert.ok(existsSync(outside));
    assert.equal(readFileSync(outside, 'utf8'), 'kept');
  });
});
