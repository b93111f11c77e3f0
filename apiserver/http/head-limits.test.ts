import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { lingerMs, refuseUnread } from './head-limits.ts';

class Client extends Duplex {
  got = '';
  secureConnecting = false;
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.got += chunk;
    done();
  }
}

const errorOf = (code: string) => Object.assign(new Error(code), { code });

describe('what cannot be read', () => {
  for (const [code, line] of [
    ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431 Request Header Fields Too Large'],
    ['ERR_HTTP_REQUEST_TIMEOUT', 'HTTP/1.1 408 Request Timeout'],
    ['HPE_INVALID_METHOD', 'HTTP/1.1 400 Bad Request'],
  ]) {
    test(`${code} is answered, and the connection closed a little later`, async () => {
      const clock = new FakeClock();
      const client = new Client();
      refuseUnread(clock, errorOf(code!), client);
      assert.equal(client.got.split('\r\n')[0], line);
      assert.ok(!client.destroyed);
      await clock.advance(lingerMs);
      assert.ok(client.destroyed);
    });
  }

  test('before the handshake is over there is no answer: it would be taken for one of what the client asks then', () => {
    const client = new Client();
    client.secureConnecting = true;
    refuseUnread(new FakeClock(), errorOf('ERR_TLS_HANDSHAKE_TIMEOUT'), client);
    assert.equal(client.got, '');
    assert.ok(client.destroyed);
  });
});
