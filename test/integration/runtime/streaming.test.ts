// exec, attach and port-forward through the streaming server, over both protocols, with real containers.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { collectChannels, openPortForward, openSpdyCommand, openWebSocketCommand } from './stream-client.ts';
import { missingForContainers, runPod, TestNode } from './test-node.ts';

const sleepForever = { command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1; done'] };

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.once('end', resolve));
  return Buffer.concat(chunks);
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

/** What each channel was sent, in one piece. */
function joinByChannel(messages: readonly [number, string][]): Record<number, string> {
  const out: Record<number, string> = {};
  for (const [id, text] of messages) out[id] = (out[id] ?? '') + text;
  return out;
}

const onChannel = (id: number, text: string, base64: boolean) =>
  base64 ? `${id}${Buffer.from(text).toString('base64')}` : Buffer.concat([Buffer.from([id]), Buffer.from(text)]);

describe('streaming', { skip: missingForContainers(), timeout: 100_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const offer = async (container_id: string, command: string[], wish: { tty?: boolean; stdin?: boolean } = {}) => {
    const streams = { stdin: false, tty: false, stdout: true, stderr: !wish.tty, ...wish };
    return (await node.cri.runtime.Exec({ container_id, cmd: command, ...streams })).url;
  };

  test('exec over WebSocket and SPDY: output, input, half-close, exit code', async () => {
    const { container_id } = await runPod(node, 'exec', sleepForever);
    const openers = {
      webSocket: (url: string) => openWebSocketCommand(node, url),
      spdy: (url: string) => openSpdyCommand(node, url, ['stdin', 'stdout', 'stderr']),
    };
    for (const [name, open] of Object.entries(openers)) {
      const session = await open(
        await offer(container_id, ['sh', '-c', 'cat; echo oops >&2; exit 7'], { stdin: true }),
      );
      session.send('hello ');
      session.send('world\n');
      session.closeStdin();
      const { stdout, stderr, status } = await session.result;
      assert.deepEqual([stdout, stderr], ['hello world\n', 'oops\n'], name);
      assert.deepEqual(
        [status.status, status.reason, status.details?.causes[0]?.message],
        ['Failure', 'NonZeroExitCode', '7'],
      );
    }
  });

  test('exec answers Success, and says why a command cannot run', async () => {
    const { container_id } = await runPod(node, 'exec-status', sleepForever);
    const good = await openWebSocketCommand(node, await offer(container_id, ['echo', 'hi']));
    assert.deepEqual(await good.result, { stdout: 'hi\n', stderr: '', status: { metadata: {}, status: 'Success' } });
    for (const tty of [false, true]) {
      const bad = await openWebSocketCommand(node, await offer(container_id, ['/no/such'], { tty }));
      const { stdout, stderr, status } = await bad.result;
      assert.match(status.message ?? '', /exec: "\/no\/such": stat \/no\/such: no such file or directory/);
      assert.deepEqual([stdout, stderr], ['', '']);
    }
  });

  test('exec for every WebSocket client: binary and base64, with a Status or a message at the end', async () => {
    const { container_id } = await runPod(node, 'exec-protocols', sleepForever);
    const script = 'read line; echo "got $line"; echo oops >&2; exit 3';
    const message = 'command terminated with non-zero exit code: exit status 3';
    for (const protocol of [
      'v4.channel.k8s.io',
      'v4.base64.channel.k8s.io',
      'channel.k8s.io',
      'base64.channel.k8s.io',
      undefined,
    ]) {
      const send = [onChannel(0, 'äöü\n', protocol?.includes('base64') ?? false)];
      const url = await offer(container_id, ['sh', '-c', script], { stdin: true });
      const answer = await collectChannels(node, url, { protocol, send });
      assert.equal(answer.protocol, protocol ?? '');
      assert.deepEqual(answer.messages[0], [1, ''], 'the connection stands');
      const { 1: stdout = '', 2: stderr, 3: end = '', ...others } = joinByChannel(answer.messages);
      const utf8 = protocol?.includes('base64') ? stdout : Buffer.from(stdout, 'latin1').toString();
      assert.deepEqual([utf8, stderr, others], ['got äöü\n', 'oops\n', {}], `protocol ${protocol}`);
      assert.equal(protocol?.startsWith('v4') ? JSON.parse(end).message : end, message, `protocol ${protocol}`);
    }
    const quiet = await collectChannels(node, await offer(container_id, ['true']), { protocol: 'channel.k8s.io' });
    assert.deepEqual(quiet.messages, [[1, '']], 'nothing is said of a success');
    const refused = collectChannels(node, await offer(container_id, ['true']), { protocol: 'v9.channel.k8s.io' });
    await assert.rejects(refused, /400/);
  });

  test('a URL works once', async () => {
    const { container_id } = await runPod(node, 'once', sleepForever);
    const url = await offer(container_id, ['true']);
    await (await openWebSocketCommand(node, url)).result;
    await assert.rejects(openWebSocketCommand(node, url), /404/);
  });

  test('exec on a terminal: prompt, size, resize, exit code', { timeout: 20_000 }, async () => {
    const { container_id } = await runPod(node, 'tty', sleepForever);
    for (const open of [
      (url: string) => openWebSocketCommand(node, url),
      (url: string) => openSpdyCommand(node, url, ['stdin', 'stdout', 'resize']),
    ]) {
      const session = await open(await offer(container_id, ['sh'], { tty: true, stdin: true }));
      session.resize(101, 33);
      await session.until(/# /);
      session.send('tty\n');
      await session.until(/\/dev\/pts\/\d/);
      session.send('until [ "$(stty size)" = "33 101" ]; do sleep 0.05; done; echo sized-$((1+1))\n');
      await session.until(/sized-2/);
      session.resize(77, 22);
      session.send('until [ "$(stty size)" = "22 77" ]; do sleep 0.05; done; echo again-$((1+1))\n');
      await session.until(/again-2/);
      session.send('exit 5\n');
      const { status } = await session.result;
      assert.equal(status.details?.causes[0]?.message, '5');
    }
  });

  test('a dropped terminal ends its command', { timeout: 20_000 }, async () => {
    const { container_id } = await runPod(node, 'hangup', sleepForever);
    const session = await openWebSocketCommand(
      node,
      await offer(container_id, ['sh', '-c', 'echo up; exec sleep 4242'], { tty: true }),
    );
    await session.until(/up/);
    session.drop();
    for (let i = 0; i < 100; i++) {
      const { stdout } = await node.cri.runtime.ExecSync({ container_id, cmd: ['ps'] });
      if (!Buffer.from(stdout).toString().includes('sleep 4242')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail('the command still runs');
  });

  test('attach delivers output and input, and ends with the container', { timeout: 20_000 }, async () => {
    const { container_id } = await runPod(node, 'attach', {
      command: ['sh', '-c', 'while read line; do echo "got $line"; echo "err $line" >&2; done; echo bye'],
      stdin: true,
      stdin_once: true,
    });
    const { url } = await node.cri.runtime.Attach({ container_id, stdin: true, stdout: true, stderr: true });
    const session = await openWebSocketCommand(node, url);
    session.send('one\n');
    await session.until(/got one/);
    session.send('two\n');
    session.closeStdin();
    const { stdout, stderr, status } = await session.result;
    assert.deepEqual([stdout, stderr, status.status], ['got one\ngot two\nbye\n', 'err one\nerr two\n', 'Success']);
  });

  test('attach to a terminal', { timeout: 20_000 }, async () => {
    const { container_id } = await runPod(node, 'attach-tty', { command: ['sh'], stdin: true, tty: true });
    const { url } = await node.cri.runtime.Attach({ container_id, stdin: true, stdout: true, tty: true });
    const session = await openSpdyCommand(node, url, ['stdin', 'stdout', 'resize']);
    session.resize(91, 31);
    session.send('until [ "$(stty size)" = "31 91" ]; do sleep 0.05; done; echo sized-$((1+1))\n');
    await session.until(/sized-2/);
    session.send('exit\n');
    assert.equal((await session.result).status.status, 'Success');
  });

  for (const hostNetwork of [false, true]) {
    test(`port-forward moves 50 MB intact, hostNetwork ${hostNetwork}`, { timeout: 40_000 }, async () => {
      const port = hostNetwork ? 18_080 : 8080;
      const fill =
        'dd if=/dev/urandom of=/tmp/big bs=1M count=50 2>/dev/null; md5sum /tmp/big > /tmp/s; mv /tmp/s /tmp/sum';
      const { pod_sandbox_id, container_id } = await runPod(
        node,
        `forward-${hostNetwork}`,
        { command: ['sh', '-c', `cd /tmp; httpd -p ${port}; ${fill}; while true; do sleep 1; done`] },
        hostNetwork ? { linux: { security_context: { namespace_options: { network: 'NODE' } } } } : {},
      );
      const wait = 'until [ -e /tmp/sum ]; do sleep 0.1; done; cat /tmp/sum';
      const { stdout } = await node.cri.runtime.ExecSync({ container_id, cmd: ['sh', '-c', wait] });
      const sum = Buffer.from(stdout).toString().slice(0, 32);
      for (const tunnelled of [true, false]) {
        const { url } = await node.cri.runtime.PortForward({ pod_sandbox_id, port: [port] });
        const client = await openPortForward(node, url, tunnelled);
        const download = client.connect(port);
        download.data.write('GET /big HTTP/1.0\r\n\r\n');
        const answer = await readAll(download.data);
        assert.equal(md5(answer.subarray(answer.indexOf('\r\n\r\n') + 4)), sum);
        assert.equal(await download.error, '');
        const many = Array.from({ length: 20 }, async () => {
          const { data } = client.connect(port);
          data.write('GET /sum HTTP/1.0\r\n\r\n');
          return (await readAll(data)).toString().includes(sum);
        });
        assert.deepEqual(new Set(await Promise.all(many)), new Set([true]));
        assert.match(await client.connect(port + 1).error, /connection refused/);
        client.close();
      }
    });
  }

  test('port-forward for WebSocket clients that cannot tunnel', { timeout: 20_000 }, async () => {
    const { pod_sandbox_id, container_id } = await runPod(node, 'port-channels', {
      command: [
        'sh',
        '-c',
        'cd /tmp; head -c 3000000 /dev/zero | tr "\\0" x > big; httpd -p 8080; while true; do sleep 1; done',
      ],
    });
    const wait = 'until wget -q -O /dev/null http://127.0.0.1:8080/big; do sleep 0.1; done';
    await node.cri.runtime.ExecSync({ container_id, cmd: ['sh', '-c', wait] });
    for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', undefined]) {
      const { url } = await node.cri.runtime.PortForward({ pod_sandbox_id, port: [8080, 8081] });
      const send = [onChannel(0, 'GET /big HTTP/1.0\r\n\r\n', protocol?.includes('base64') ?? false)];
      const {
        0: data = '',
        1: error,
        2: noData,
        3: refusal = '',
      } = joinByChannel((await collectChannels(node, url, { protocol, send })).messages);
      assert.match(data.slice(2), /^HTTP\/1\.[01] 200 OK\r\n/);
      assert.equal(data.slice(data.indexOf('\r\n\r\n') + 4), 'x'.repeat(3_000_000), `protocol ${protocol}`);
      assert.deepEqual([data.slice(1, 2), error?.slice(1), noData?.slice(1)], ['\x1f', '\x1f', '\x1f']);
      assert.match(refusal.slice(2), /^error forwarding port 8081 to pod .*connection refused$/);
    }
    const portless = (await node.cri.runtime.PortForward({ pod_sandbox_id, port: [] })).url;
    await assert.rejects(collectChannels(node, portless, { protocol: 'v4.channel.k8s.io' }), /400/);
  });
});
