// Whom the API server takes for the kubelet of a node: real TLS, with certificates of one CA.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { createKubeletAccess, type KubeletAccess } from '../../../apiserver/kubelet-access.ts';
import type { KindTable } from '../../../apiserver/registry/kind-table.ts';
import type { ObjectStore } from '../../../apiserver/storage/object-store.ts';
import { issueCertificate, makeAuthority, type PemPair } from '../../../cli/pki/issue.ts';

describe('the identity of a kubelet', () => {
  const servers: Server[] = [];
  const ports: Record<string, number> = {};
  let access: KubeletAccess;

  before(async () => {
    const nowMs = Date.now();
    const authority = await makeAuthority({ file: '', commonName: 'ca' }, nowMs);
    const issue = (commonName: string, dnsNames: string[] = []) =>
      issueCertificate(
        { file: '', authority: '', commonName, dnsNames, addresses: ['127.0.0.1'], usages: ['server', 'client'] },
        authority,
        nowMs,
      );
    const serve = async (name: string, own: PemPair) => {
      const server = createServer({ cert: own.certificatePem, key: own.keyPem }, (_, res) => res.end(name));
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ports[name] = (server.address() as AddressInfo).port;
    };
    await serve('a', await issue('system:node:a'));
    await serve('named', await issue('whoever', ['named']));
    const client = await issue('kube-apiserver-kubelet-client');
    // Node b says that it is where a is.
    const portOf = (node: string) => ports[node === 'b' ? 'a' : node];
    const store = {
      peek: (_: unknown, __: string, name: string) => ({
        object: {
          status: {
            addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
            daemonEndpoints: { kubeletEndpoint: { Port: portOf(name) } },
          },
        },
      }),
    };
    const pem = (value: string) => Buffer.from(value);
    const tls = { cert: pem(client.certificatePem), key: pem(client.keyPem), ca: pem(authority.certificatePem) };
    access = createKubeletAccess(tls, store as unknown as ObjectStore, { kind: () => ({}) } as unknown as KindTable);
  });

  after(() => {
    for (const server of servers) server.close().closeAllConnections();
  });

  const ask = async (node: string) => text(await access.get(node, '/', AbortSignal.timeout(30_000)));

  test('is the subject of its certificate, or a name in it', async () => {
    assert.equal(await ask('a'), 'a');
    assert.equal(await ask('named'), 'named');
  });

  test('of one node is not that of another, also on a connection that stands', async () => {
    await ask('a');
    await assert.rejects(
      ask('b'),
      /^StatusError: Get "https:.*": tls: failed to verify certificate: x509: certificate is not valid for/,
    );
    assert.equal(await ask('a'), 'a');
  });
});
