// exec and attach over SPDY: the client opens a stream for each of error, stdin, stdout, stderr and
// resize, named by the header `streamtype`. Upstream counterpart: the remotecommand protocol v4.
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../machinery/clock.ts';
import { type CommandStreams, createResizeRelay, type StreamWish } from './command-streams.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

export const spdyCommandProtocols = ['v4.channel.k8s.io'];

export const creationTimeoutMs = 30_000;

/** Waits until the client has opened all its streams. Rejects when it does not. */
export async function openSpdyStreams(socket: Duplex, wish: StreamWish, clock: Clock): Promise<CommandStreams> {
  const expected = ['error'];
  if (wish.stdin) expected.push('stdin');
  if (wish.stdout) expected.push('stdout');
  if (wish.stderr) expected.push('stderr');
  if (wish.tty) expected.push('resize');
  const streams = new Map<string, SpdyStream>();
  const { promise: allThere, resolve: complete } = Promise.withResolvers<void>();
  const session = new SpdySession(socket, {
    role: 'server',
    maxStreams: 16,
    onStream(stream) {
      const type = stream.headers.streamtype ?? '';
      // Resets and lost connections surface as errors of each stream; the session's end is what is acted on.
      stream.on('error', () => undefined);
      if (!expected.includes(type) || streams.has(type)) return void stream.destroy();
      streams.set(type, stream);
      if (streams.size === expected.length) complete();
    },
  });
  const gone = new AbortController();
  void session.closed.then(() => gone.abort(new Error('the client is gone')));
  const late = clock.sleep(creationTimeoutMs, gone.signal).then(() => {
    throw new Error('the client did not open its streams in time');
  });
  try {
    await Promise.race([allThere, late]);
  } catch (err) {
    session.close();
    throw err;
  }
  late.catch(() => undefined);
  const resize = createResizeRelay();
  // A size a line. One that is cut by a frame is followed by another.
  streams.get('resize')?.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString('latin1').split('\n')) if (line !== '') resize.push(Buffer.from(line));
  });
  return {
    stdin: streams.get('stdin') ?? null,
    stdout: streams.get('stdout') ?? null,
    stderr: streams.get('stderr') ?? null,
    onResize: resize.onResize,
    async finish(status) {
      // Of what nobody reads any more the rest is dropped; it would hold up the client's goodbye.
      streams.get('stdin')?.resume();
      const error = streams.get('error')!;
      if (!error.destroyed) await new Promise<void>((resolve) => error.end(JSON.stringify(status), () => resolve()));
      // A slow client hears of the end in its own time: cut off now, it would lose what is on its way to it.
      session.close();
      await session.closed;
    },
    gone: gone.signal,
  };
}
