// On a machine where nobody gets a CPU, timers and what a connection tells come in every order.
import assert from 'node:assert/strict';
import { createServer, type Http2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Clock, realClock } from '../../machinery/clock.ts';
import { GrpcChannel, GrpcError, NotConnectedError } from './grpc-channel.ts';

const message = Buffer.from('x');

describe('a channel whose timers are late', { timeout: 60_000 }, () => {
  let server: Http2Server;
  let address: string;
  let timers: (() => void)[];
  let channel: GrpcChannel;
  const remember = (fn: () => void) => {
    timers.push(fn);
    return { cancel: () => undefined };
  };
  /** Those that a timer sets while it fires are due as well. */
  const runOut = () => {
    for (const fire of timers) fire();
  };
  const clock: Clock = { ...realClock, after: (_ms, fn) => remember(fn), every: (_ms, fn) => remember(fn) };

  beforeEach(async () => {
    timers = [];
    server = createServer().on('stream', (stream) => stream.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    channel.close();
    server.close();
  });

  test('a connection that is made when its time has just run out is not used', async () => {
    const createConnection = () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      // After what the session does when its socket is connected, and before it tells of it.
      process.nextTick(() => socket.once('connect', runOut));
      return socket;
    };
    const tls = { createConnection } as never;
    channel = new GrpcChannel({ server: address, tls, clock });
    await assert.rejects(channel.call('/x/Y', message, 1_000), (err: unknown) => {
      assert.ok(err instanceof NotConnectedError, String(err));
      assert.match(err.message, /no connection within/);
      return true;
    });
    await new Promise(setImmediate);
  });

  test('a connection that was given up is not asked whether it lives', async () => {
    channel = new GrpcChannel({ server: address, clock });
    const called = new Promise((resolve) => server.once('stream', resolve));
    const waiting = assert.rejects(channel.call('/x/Y', message, 1_000), GrpcError);
    await called;
    channel.reset(new GrpcError(14, 'given up'));
    for (const fire of [...timers]) fire();
    await waiting;
  });
});
