// exec and attach over WebSocket: the first byte of a message is its channel. Protocol v5 adds half-closing: a message
// `255, channel`. Upstream counterpart: the channel.k8s.io subprotocols.
import { PassThrough, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { type CommandStreams, createResizeRelay, type StreamWish } from './command-streams.ts';

export const webSocketProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 };
const normalClosure = 1000;

export function openWebSocketStreams(ws: WebSocket, wish: StreamWish): CommandStreams {
  const gone = new AbortController();
  const resize = createResizeRelay();
  const stdin = wish.stdin ? new PassThrough() : null;
  stdin?.on('drain', () => ws.resume());
  ws.on('message', (raw: RawData) => {
    const message = raw as Buffer;
    const body = message.subarray(1);
    if (message[0] === channel.stdin) {
      if (body.length > 0 && stdin && !stdin.writableEnded && !stdin.write(body)) ws.pause();
    } else if (message[0] === channel.resize) resize.push(body.toString());
    else if (message[0] === channel.close && body[0] === channel.stdin) stdin?.end();
  });
  ws.on('close', () => {
    stdin?.end();
    gone.abort(new Error('the client is gone'));
  });
  // A broken connection also closes; that is where it is dealt with.
  ws.on('error', () => undefined);
  return {
    stdin,
    stdout: wish.stdout ? channelWriter(ws, channel.stdout) : null,
    stderr: wish.stderr ? channelWriter(ws, channel.stderr) : null,
    onResize: resize.onResize,
    finish: (status) => finish(ws, status),
    gone: gone.signal,
  };
}

function channelWriter(ws: WebSocket, id: number): Writable {
  return new Writable({
    highWaterMark: 1 << 18,
    write(chunk: Buffer, _encoding, done) {
      ws.send(frame(id, chunk), done);
    },
  });
}

const frame = (id: number, body: Buffer) => Buffer.concat([Buffer.from([id]), body]);

function finish(ws: WebSocket, status: object): Promise<void> {
  return new Promise((resolve) => {
    if (ws.readyState !== ws.OPEN) return resolve();
    // A client that has paused its input still has to see our close.
    ws.resume();
    ws.once('close', () => resolve());
    ws.send(frame(channel.error, Buffer.from(JSON.stringify(status))), () => ws.close(normalClosure));
  });
}
