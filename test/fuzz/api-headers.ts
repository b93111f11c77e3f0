// Headers for the API server's fuzz suite: those that mean something to it, with values that do not, and those that nobody
// knows; for HTTP/2, and as the bytes of an HTTP/1.1 request that is nearly one.
import type { Draw } from '../environment/fuzz.ts';

const names = [
  'authorization', 'impersonate-user', 'impersonate-group', 'impersonate-uid', 'impersonate-extra-scopes', 'impersonate-extra-%zz',
  'accept', 'accept-encoding', 'content-type', 'content-encoding', 'content-length', 'transfer-encoding', 'expect', 'range', 'if-match',
  'if-none-match', 'user-agent', 'origin', 'cookie', 'x-forwarded-for', 'x-remote-user', 'x-remote-group', 'x-stream-protocol-version',
  'audit-id', 'traceparent', 'te', 'host', 'upgrade', 'connection', 'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version',
  'x-http-method-override', '__proto__', 'constructor', 'x',
]; // biome-ignore format: one table
const values = [
  '', ' ', ',', ',,,;;;', '*', '*/*;q=', 'gzip', 'chunked', '0', '-1', '99999999999999999999', 'Bearer', 'Bearer ', 'Bearer a.b.c', 'Basic YTpi',
  'Bearer eyJhbGciOiJub25lIn0.e30.', 'system:masters', 'system:admin', 'system:serviceaccount:default:default', '100-continue', 'bytes=0-',
  'websocket', 'SPDY/3.1', 'Upgrade', 'application/json;as=Table;g=meta.k8s.io;v=v1', 'application/json;as=Table;v=v9;g=', 'base64url.bearer.authorization.k8s.io.eA',
  '%00%ff%zz', 'a=b; a=b', '\u00e9\u00ff', '"', 'application/json; charset="',
]; // biome-ignore format: one table
// Of HTTP/2 these are refused by its client, before the server sees them.
const ofHttp1 = new Set(['connection', 'upgrade', 'transfer-encoding', 'host', 'te', 'content-length', 'expect']);

const drawValue = (draw: Draw): string =>
  draw.chance(0.1)
    ? draw
        .of(values)
        .repeat(1 + draw.below(2_000))
        .slice(0, 8_000)
    : draw.of(values);

/** Headers that a client of HTTP/2 can send. */
export function drawHeaders(draw: Draw): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null);
  for (const name of draw.many(6, () => draw.of(names))) {
    if (ofHttp1.has(name)) continue;
    const isMany = name.startsWith('impersonate-') && draw.chance(0.3);
    out[name] = isMany ? draw.many(20, () => drawValue(draw)) : drawValue(draw);
  }
  return out;
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'CONNECT', 'PRI', 'get', 'X'];
const paths = [
  '/api/v1/namespaces/default/configmaps', '/livez', '/', '*', '//', '/api/v1/pods?watch=1&timeoutSeconds=1', '/%2e%2e/%00', '/api/v1/namespaces/default/pods/x/exec?command=a',
  '/apis', '/metrics', 'http://x/api', '/openapi/v2', `/${'a/'.repeat(3_000)}`,
]; // biome-ignore format: one table
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''];
const lineEnds = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n '];

/** What looks like a request of HTTP/1.1, as bytes. */
export function drawHttp1(draw: Draw): Buffer {
  const lines = [
    `${draw.of(methods)} ${draw.of(paths)} ${draw.of(versions)}`,
    ...(draw.chance(0.9) ? ['host: x'] : []),
  ];
  for (const name of draw.many(8, () => draw.of(names)))
    lines.push(`${name}${draw.of([':', ': ', ' : ', ''])}${drawValue(draw)}`);
  const body = draw.chance(0.4)
    ? draw.of(['{}', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', '0\r\n\r\n', 'x'.repeat(1_000)])
    : '';
  const bytes = Buffer.from(`${lines.join(draw.of(lineEnds))}\r\n\r\n${body}`, 'latin1');
  return draw.chance(0.2) ? draw.mutate(bytes) : bytes;
}
