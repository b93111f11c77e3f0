// Streams of clients that are slow, that stop for a while, or that have no more to say: they get
// all of it, and nobody else waits.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { realClock } from '../../../machinery/clock.ts';
import { eventually } from '../../environment/kubectl.ts';
import { openSpdyCommand, openWebSocketCommand } from './stream-client.ts';
import { missingForContainers, runPod, TestNode } from './test-node.ts';

const sleepForever = { command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1; done'] };
const megabytes = 12;
const pauseMs = 1_500;

/** Reads an exec or attach URL with a pause after the first bytes; answers what came on each channel. */
async function readWithPause(node: TestNode, offered: string): Promise<{ bytes: number; lines: number; end: string }> {
  const at = new URL(offered);
  const { port, close } = await node.forward(Number(at.port));
  at.port = String(port);
  const ws = new WebSocket(at.href.replace('http:', 'ws:'), ['v5.channel.k8s.io']);
  const seen = { bytes: 0, lines: 0, end: '' };
  let hasPaused = false;
  ws.on('message', (raw: Buffer) => {
    if (raw[0] === 3) seen.end += raw.subarray(1);
    if (raw[0] !== 1) return;
    seen.bytes += raw.length - 1;
    for (const byte of raw.subarray(1)) if (byte === 10) seen.lines++;
    if (hasPaused) return;
    hasPaused = true;
    ws.pause();
    void realClock.sleep(pauseMs).then(() => ws.resume());
  });
  try {
    await new Promise((resolve, reject) => {
      ws.once('close', resolve);
      ws.once('error', reject);
    });
  } finally {
    close();
  }
  return seen;
}

describe('slow streams', { skip: missingForContainers(), timeout: 120_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const exec = async (container_id: string, command: string[], wish: { tty?: boolean; stdin?: boolean } = {}) => {
    const streams = { stdin: false, tty: false, stdout: true, stderr: !wish.tty, ...wish };
    return (await node.cri.runtime.Exec({ container_id, cmd: command, ...streams })).url;
  };
  const attach = async (container_id: string, stdin: boolean) =>
    (await node.cri.runtime.Attach({ container_id, stdin, stdout: true, stderr: true })).url;
  const run = async (container_id: string, script: string) => {
    const { stdout } = await node.cri.runtime.ExecSync({ container_id, cmd: ['sh', '-c', script] });
    return Buffer.from(stdout).toString();
  };

  for (const tty of [false, true]) {
    test(`exec gives a client that pauses every byte, then the status${tty ? ', on a terminal' : ''}`, async () => {
      const { container_id } = await runPod(node, `pauses-${tty}`, sleepForever);
      const script = `head -c ${megabytes << 20} /dev/zero | tr '\\0' x`;
      const seen = await readWithPause(node, await exec(container_id, ['sh', '-c', script], { tty }));
      assert.equal(seen.bytes, megabytes << 20);
      assert.equal(JSON.parse(seen.end).status, 'Success');
    });
  }

  test('exec ends with its command, not with the children that it leaves', async () => {
    const { container_id } = await runPod(node, 'leaves', sleepForever);
    const session = await openWebSocketCommand(node, await exec(container_id, ['sh', '-c', 'sleep 1000 & echo hi']));
    assert.deepEqual(await session.result, { stdout: 'hi\n', stderr: '', status: { metadata: {}, status: 'Success' } });
  });

  test('exec ends although its input was not read', async () => {
    const { container_id } = await runPod(node, 'deaf', sleepForever);
    for (const open of [
      (url: string) => openWebSocketCommand(node, url),
      (url: string) => openSpdyCommand(node, url, ['stdin', 'stdout', 'stderr']),
    ]) {
      const session = await open(await exec(container_id, ['sh', '-c', 'echo up; sleep 1; exit 4'], { stdin: true }));
      await session.until(/up/);
      session.send('x'.repeat(4 << 20));
      assert.equal((await session.result).status.details?.causes[0]?.message, '4');
    }
  });

  test('attach to a container that writes a lot: every line, while others are served', {
    timeout: 60_000,
  }, async () => {
    const lines = 300_000;
    const other = await runPod(node, 'other', sleepForever);
    const chatty = await runPod(node, 'chatty', { command: ['sh', '-c', `sleep 1; seq 1 ${lines}`] });
    const reading = readWithPause(node, await attach(chatty.container_id, false));
    let isRead = false;
    let slowestMs = 0;
    const served = (async () => {
      while (!isRead) {
        const begin = realClock.monotonicMs();
        await run(other.container_id, 'true');
        slowestMs = Math.max(slowestMs, realClock.monotonicMs() - begin);
      }
    })();
    const seen = await reading;
    isRead = true;
    await served;
    assert.equal(seen.lines, lines);
    assert.ok(slowestMs < 5_000, `another pod's exec took ${slowestMs} ms`);
  });

  test('attach moves input and output at once', { timeout: 60_000 }, async () => {
    const { container_id } = await runPod(node, 'both-ways', { command: ['cat'], stdin: true, stdin_once: true });
    const session = await openWebSocketCommand(node, await attach(container_id, true));
    const line = `${'y'.repeat(1023)}\n`;
    for (let i = 0; i < 3; i++) session.send(line.repeat(1024));
    session.closeStdin();
    assert.equal((await session.result).stdout.length, 3 << 20);
  });

  test('attach leaves a container whose input outlives its client, and what it was given is read', async () => {
    const { container_id } = await runPod(node, 'stays', {
      command: ['sh', '-c', 'sleep 3; head -c 150000 > /tmp/in; wc -c < /tmp/in > /tmp/size; sleep 1000'],
      stdin: true,
    });
    for (const [input, open] of [
      ['x'.repeat(100_000), (url: string) => openWebSocketCommand(node, url)],
      ['y'.repeat(50_000), (url: string) => openSpdyCommand(node, url, ['stdin', 'stdout', 'stderr'])],
    ] as const) {
      const session = await open(await attach(container_id, true));
      session.send(input);
      session.closeStdin();
      assert.equal((await session.result).status.status, 'Success');
    }
    await eventually('all of the input', async () => (await run(container_id, 'cat /tmp/size')) === '150000\n');
  });

  test('ExecSync answers all that a command wrote, and does not wait for the children that it leaves', async () => {
    const { container_id } = await runPod(node, 'sync', sleepForever);
    const size = 4 << 20;
    assert.equal((await run(container_id, `head -c ${size} /dev/zero | tr '\\0' x`)).length, size);
    assert.equal(await run(container_id, 'sleep 1000 & echo hi'), 'hi\n');
    const cmd = ['sh', '-c', 'yes & sleep 1; echo hi'];
    await assert.rejects(node.cri.runtime.ExecSync({ container_id, cmd, timeout: '2' }), /timeout 2s exceeded/);
  });

  test('ExecSync that times out leaves no zombie below a first process that does not reap', async () => {
    const { container_id } = await runPod(node, 'zombies', { command: ['sleep', '1000'] });
    for (let i = 0; i < 3; i++) {
      const late = node.cri.runtime.ExecSync({ container_id, cmd: ['sleep', '500'], timeout: '1' });
      await assert.rejects(late, /timeout 1s exceeded/);
    }
    const states = 'for f in /proc/[0-9]*/stat; do read _ name state _ < $f; echo "$name $state"; done';
    const processes = (await run(container_id, states))
      .trim()
      .split('\n')
      .filter((p) => p.startsWith('(sleep)'));
    assert.deepEqual(processes, ['(sleep) S']);
  });
});
