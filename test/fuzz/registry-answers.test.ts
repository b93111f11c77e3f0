// Pulls from a registry that answers with anything: other documents, other codes, challenges,
// redirects, bodies that do not end.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ImageStore } from '../../kubelet/runtime/image/image-store.ts';
import { LayerStore } from '../../kubelet/runtime/image/layer-store.ts';
import { createPuller } from '../../kubelet/runtime/image/pull.ts';
import { goArchitecture } from '../../machinery/architecture.ts';
import { realClock } from '../../machinery/clock.ts';
import { RpcError } from '../../proto/unary-server.ts';
import { type Draw, fuzz, fuzzSeconds } from '../environment/fuzz.ts';
import { type DrawnImage, drawImage } from './image-inputs.ts';

const dir = mkdtempSync(join(tmpdir(), 'k8ts-registry-'));
const outside = join(dir, 'outside');
mkdirSync(outside);
after(() => rmSync(dir, { recursive: true, force: true }));

/** Nothing waits longer than for some answers that do not come. */
const progressTimeoutMs = 200;
const pullDeadlineMs = 30_000;
const maxRssMiB = 1_000;

function found(image: DrawnImage, url: string): Buffer | undefined {
  const reference = url.split('/').at(-1)!;
  return image.blobs.get(reference === '1' ? image.top.digest : reference);
}

/** Answers well, or in some other way. */
function answer(draw: Draw, image: DrawnImage, req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? '';
  const body = url.startsWith('/token') ? Buffer.from('{"token":"t"}') : found(image, url);
  if (draw.chance(0.8)) {
    res.writeHead(body ? 200 : 404).end(req.method === 'HEAD' ? undefined : body);
    return;
  }
  const realm = draw.of([
    `http://${req.headers.host}/token`,
    'x',
    '',
    'http://127.0.0.1:1/',
    'file:///x',
    `http://${req.headers.host}/v2/`,
  ]);
  const authenticate = draw.of([
    `Bearer realm="${realm}",service="s"`,
    'Basic',
    'Bearer',
    '"',
    `Bearer realm=${realm}`,
    'x'.repeat(3_000),
  ]);
  const codes = [204, 206, 304, 400, 403, 404, 416, 429, 500, 503];
  const send = draw.of<() => unknown>([
    () => res.writeHead(401, { 'www-authenticate': authenticate }).end(),
    () =>
      void res
        .writeHead(draw.of([301, 302, 307]), {
          location: draw.of([url, '/token', 'x:', '', '//', 'http://127.0.0.1:1/']),
        })
        .end(),
    () =>
      void res
        .writeHead(draw.of(codes))
        .end(draw.of([undefined, '{"errors":[{}]}', '<html>', '{"errors":5}', '\xff'.repeat(100_000)])),
    () => res.writeHead(200).end(draw.mutate(body ?? Buffer.from('{}'))),
    () =>
      void res
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(draw.chance(0.5) ? gzipSync(Buffer.alloc(8 << 20)) : 'no'),
    () => res.writeHead(200).write(body?.subarray(0, draw.below(body.length)) ?? 'x'), // and no end
    () => req.socket.destroy(),
    () => res.writeHead(200, { 'content-length': 1e9 }).end(body, () => res.destroy()),
    () => req.socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffff\r\nx'),
    () => undefined,
  ]);
  send();
}

test('no registry breaks a pull', { timeout: (fuzzSeconds + 60) * 1000 }, async () => {
  const seen = new Map<string, number>();
  await fuzz(async (draw, index) => {
    const image = drawImage(draw, outside);
    const server = createServer((req, res) => answer(draw, image, req, res));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const root = join(dir, String(index));
    const images = new ImageStore(join(root, 'images'), new LayerStore(join(root, 'layers')));
    const progress = { clock: realClock, timeoutMs: progressTimeoutMs };
    const ingestDir = join(root, 'ingest');
    const architecture = goArchitecture(arch());
    const puller = createPuller({ images, ingestDir, architecture, mirrors: new Map(), progress });
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    let outcome = 'pulled';
    try {
      await puller.pull(`${host}/fuzz/image:1`, null, AbortSignal.timeout(pullDeadlineMs));
    } catch (err) {
      assert.ok(err instanceof RpcError, String(err));
      outcome = err.message.replace(/^failed to pull and unpack image "[^"]*": /, '');
    }
    server.closeAllConnections();
    server.close();
    assert.doesNotMatch(outcome, /Cannot read|is not a function|is not iterable|aborted due to timeout/);
    seen.set(outcome.slice(0, 30), (seen.get(outcome.slice(0, 30)) ?? 0) + 1);
    assert.deepEqual(readdirSync(outside), []);
    assert.deepEqual(
      readdirSync(ingestDir).filter((name) => !/^sha256-[0-9a-f]{64}$/.test(name)),
      [],
    );
    for (const { id } of images.list()) await images.remove(id);
    assert.deepEqual(readdirSync(join(root, 'images')), []);
    assert.ok(process.memoryUsage.rss() < maxRssMiB * 2 ** 20, `${process.memoryUsage.rss()} bytes`);
    rmSync(root, { recursive: true });
  });
  console.log('outcomes:', Object.fromEntries(seen));
});
