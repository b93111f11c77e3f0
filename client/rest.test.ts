import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../api/core/configmap.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { KubeClient } from './rest.ts';
import { type HttpRequest, Transport } from './transport.ts';

test('the bounds of 64 bits are sent as they were read, what looks like them as it is', async () => {
  const clock = new FakeClock();
  const transport = new Transport({ server: 'https://127.0.0.1:1' }, { userAgent: 'test', clock });
  const sent: HttpRequest[] = [];
  transport.request = async (request: HttpRequest) => {
    sent.push(request);
    return { status: 200, body: '{}' };
  };
  const client = new KubeClient(transport, { userAgent: 'test', clock }).resource(ConfigMapKind);
  const spec = JSON.parse('[9223372036854775807,-9223372036854775808,"9223372036854775808",":9223372036854776000,"]');
  await client.patch({ namespace: 'ns', name: 'c' }, { spec }, { type: 'merge' });
  await client.create({ metadata: { namespace: 'ns', name: 'c' }, spec } as never);
  const want = '"spec":[9223372036854775807,-9223372036854775808,"9223372036854775808",":9223372036854776000,"]}';
  for (const { body } of sent) assert.equal(body?.slice(-want.length), want);
});
