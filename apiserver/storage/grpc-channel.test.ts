// The channel against grpc's own server: answers, refusals, and whatever a connection can die of.
import assert from 'node:assert/strict';
import { createServer, type Server as TcpServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { realClock } from '../../machinery/clock.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { GrpcChannel, GrpcError, grpcCodes, NotConnectedError } from './grpc-channel.ts';

const timeoutMs = 10_000;
const same = (bytes: Buffer) => bytes;
const codec = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
const service = {
  ask: { path: '/test.Echo/Ask', requestStream: false, responseStream: false, ...codec },
  talk: { path: '/test.Echo/Talk', requestStream: true, responseStream: true, ...codec },
};

/** What the server does with each text; anything else is sent back. */
function ask(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void {
  const text = call.request.toString();
  if (text === 'refuse') answer({ code: 9, details: 'etcdserver: größer 100% "x"\n' });
  else if (text === 'metadata') answer(null, Buffer.from(String(call.metadata.get('hasleader'))));
  else if (text === 'double') answer(null, Buffer.concat([call.request, call.request]));
  else if (text !== 'silence') answer(null, call.request);
}

function talk(call: ServerDuplexStream<Buffer, Buffer>): void {
  call.on('data', (message: Buffer) => {
    if (message.toString() === 'end') call.end();
    else if (message.toString() === 'fail') call.emit('error', { code: 11, details: 'gone' });
    else for (let i = 0; i < 3; i++) call.write(message);
  });
}

const serve = async (port = 0): Promise<[Server, number]> => {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(service, { ask, talk });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (err, at) =>
      err ? reject(err) : resolve(at),
    ),
  );
  return [server, bound];
};

const messageOf = (text: string) => Buffer.from(text);
const grpcError = (code: number, message: RegExp) => (err: unknown) => {
  assert.ok(err instanceof GrpcError, String(err));
  assert.equal(err.code, code, err.message);
  assert.match(err.message, message);
  return true;
};

describe('GrpcChannel', { timeout: 60_000 }, () => {
  let server: Server;
  let port: number;
  let channel: GrpcChannel;
  before(async () => {
    [server, port] = await serve();
    channel = new GrpcChannel({
      server: `http://127.0.0.1:${port}`,
      headers: { hasleader: 'true' },
      clock: realClock,
    });
  });
  after(() => {
    channel.close();
    server.forceShutdown();
  });

  const call = (text: string, ms = timeoutMs) => channel.call('/test.Echo/Ask', messageOf(text), ms);

  test('answers, short, empty, long, and many at once', async () => {
    for (const text of ['x', '', 'y'.repeat(3_000_000)]) assert.equal((await call(text)).toString(), text);
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`);
    const answers = await Promise.all(texts.map((text) => call(text)));
    assert.deepEqual(answers.map(String), texts);
  });

  test('sends its headers', async () => assert.equal((await call('metadata')).toString(), 'true'));

  test("a refusal has the server's code and words", () =>
    assert.rejects(call('refuse'), grpcError(9, /^etcdserver: größer 100% "x"\n$/)));

  test('a method that nobody has', () =>
    assert.rejects(channel.call('/test.Echo/None', messageOf('x'), timeoutMs), grpcError(12, /None/)));

  test('silence ends at the deadline, and the connection goes on', async () => {
    await assert.rejects(call('silence', 200), grpcError(grpcCodes.deadlineExceeded, /.*/));
    assert.equal((await call('after')).toString(), 'after');
  });

  test('an answer that could not be heard before is not late', async () => {
    const clock = new FakeClock();
    const busy = new GrpcChannel({ server: `http://127.0.0.1:${port}`, clock });
    const send = (text: string) => busy.call('/test.Echo/Ask', messageOf(text), 1_000);
    await send('connected');
    const answered = send('x');
    await clock.advance(1_000);
    assert.equal((await answered).toString(), 'x');
    const silence = assert.rejects(send('silence'), grpcError(grpcCodes.deadlineExceeded, /no answer within 1 s/));
    await clock.advance(2_000);
    await silence;
    busy.close();
  });

  test('a stream brings every message in order, however they are cut, and the end', async () => {
    const seen: string[] = [];
    const texts = ['a', 'b'.repeat(100_000), '', 'c'];
    let whenOver: (err: Error | undefined) => void;
    const over = new Promise<Error | undefined>((resolve) => {
      whenOver = resolve;
    });
    const onMessage = (message: Buffer) => {
      seen.push(message.toString());
      if (seen.length === 3 * texts.length) stream.send(messageOf('end'));
    };
    const stream = await channel.stream('/test.Echo/Talk', { onMessage, onEnd: (err) => whenOver(err) });
    for (const text of texts) stream.send(messageOf(text));
    assert.equal(await over, undefined);
    assert.deepEqual(
      seen,
      texts.flatMap((text) => [text, text, text]),
    );
  });

  test('a stream that the server refuses says why', async () => {
    const over = new Promise<Error | undefined>((resolve) => {
      void channel
        .stream('/test.Echo/Talk', { onMessage: () => undefined, onEnd: resolve })
        .then((stream) => stream.send(messageOf('fail')));
    });
    grpcError(11, /gone/)(await over);
  });

  test('reset() gives up what is under way with its reason; the next call connects anew', async () => {
    const waiting = call('silence');
    await call('x');
    channel.reset(new GrpcError(grpcCodes.unavailable, 'it hangs'));
    await assert.rejects(waiting, grpcError(grpcCodes.unavailable, /it hangs/));
    assert.equal((await call('again')).toString(), 'again');
  });

  test('a server that dies: what was sent is unknown, what comes after was not sent; one that comes back serves', async () => {
    const waiting = assert.rejects(call('silence'), grpcError(grpcCodes.unavailable, /dropped/));
    await call('x');
    server.forceShutdown();
    await waiting;
    await assert.rejects(call('x'), NotConnectedError);
    [server] = await serve(port);
    assert.equal((await call('back')).toString(), 'back');
  });

  describe('servers that speak something else', () => {
    let other: TcpServer;
    const answer = new Map<string, (write: (text: string) => void) => void>([
      ['HTTP/1.1', (write) => write('HTTP/1.1 400 Bad Request\r\n\r\n')],
      ['nothing at all', () => undefined],
    ]);
    for (const [name, act] of answer)
      test(name, async () => {
        other = createServer((socket) => {
          socket.on('error', () => undefined);
          act((text) => socket.end(text));
        });
        const at = await new Promise<number>((resolve) =>
          other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
        );
        const lost = new GrpcChannel({ server: `http://127.0.0.1:${at}`, clock: realClock });
        await assert.rejects(lost.call('/x/Y', messageOf('x'), 1_000));
        lost.close();
        other.close();
      });
  });

  test('after close() nothing is sent', async () => {
    const own = new GrpcChannel({ server: `http://127.0.0.1:${port}`, clock: realClock });
    await own.call('/test.Echo/Ask', messageOf('x'), timeoutMs);
    const waiting = assert.rejects(own.call('/test.Echo/Ask', messageOf('silence'), timeoutMs), grpcError(1, /closed/));
    own.close();
    await waiting;
    await assert.rejects(own.call('/test.Echo/Ask', messageOf('x'), timeoutMs), NotConnectedError);
  });
});
