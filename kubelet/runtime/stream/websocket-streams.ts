// exec and attach over WebSocket: a channel for each stream. v5 adds half-closing (a message `255,
// channel`), v4 a status at the end where the first protocols only have a text of what went wrong.
// Upstream counterpart: the channel.k8s.io subprotocols of remotecommand.
import { PassThrough } from 'node:stream';
import { type CommandStreams, createResizeRelay, type StreamWish } from './command-streams.ts';
import { WebSocketChannels, type WebSocketConnection } from './websocket-channels.ts';

interface CommandProtocol {
  base64: boolean;
  /** How it ends: with a Status, or with its message alone and only where it failed. */
  end: 'status' | 'message';
  /**
   * Streams can be closed one by one. A client of the others is told that its connection stands, by
   * an empty message.
   */
  halfClose: boolean;
}

/** By subprotocol, the best first; '' is a client that names none. */
export const commandProtocols: Readonly<Record<string, CommandProtocol>> = {
  'v5.channel.k8s.io': { base64: false, end: 'status', halfClose: true },
  'v4.channel.k8s.io': { base64: false, end: 'status', halfClose: false },
  'v4.base64.channel.k8s.io': { base64: true, end: 'status', halfClose: false },
  'channel.k8s.io': { base64: false, end: 'message', halfClose: false },
  'base64.channel.k8s.io': { base64: true, end: 'message', halfClose: false },
  '': { base64: false, end: 'message', halfClose: false },
};

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 };

export function openWebSocketStreams(
  connection: Omit<WebSocketConnection, 'base64'>,
  protocol: CommandProtocol,
  wish: StreamWish,
): CommandStreams {
  const channels = new WebSocketChannels({ ...connection, base64: protocol.base64 });
  const gone = new AbortController();
  const resize = createResizeRelay();
  const stdin = wish.stdin ? new PassThrough() : null;
  stdin?.on('drain', () => channels.resume());
  channels.onMessage((id, body) => {
    if (id === channel.stdin) {
      if (body.length > 0 && stdin && !stdin.writableEnded && !stdin.write(body)) channels.pause();
    } else if (id === channel.resize) resize.push(body);
    else if (id === channel.close && protocol.halfClose && body[0] === channel.stdin) stdin?.end();
  });
  channels.onClose(() => {
    stdin?.end();
    gone.abort(new Error('the client is gone'));
  });
  if (!protocol.halfClose) {
    const first = wish.stdout ? channel.stdout : wish.stderr ? channel.stderr : channel.error;
    void channels.send(first, Buffer.alloc(0));
  }
  return {
    stdin,
    stdout: wish.stdout ? channels.writer(channel.stdout) : null,
    stderr: wish.stderr ? channels.writer(channel.stderr) : null,
    onResize: resize.onResize,
    async finish(status) {
      const text = protocol.end === 'status' ? JSON.stringify(status) : (status.message ?? '');
      // Closed only when it is sent: a client that gets both in one piece may wait for more before it reads the second.
      stdin?.resume(); // of what nobody reads any more the rest is dropped
      if (text !== '') await channels.send(channel.error, Buffer.from(text));
      await channels.close();
    },
    gone: gone.signal,
  };
}
