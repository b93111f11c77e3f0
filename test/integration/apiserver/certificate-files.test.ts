// Certificates of the API server whose files change while it runs: what it shows, whose clients it knows, and what it
// tells others to trust.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { issueCertificate, makeAuthority, type PemPair } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/kubectl.ts';

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
});
after(() => api?.[Symbol.asyncDispose]());

function put(name: string, text: string): void {
  writeFileSync(api.file(`${name}.next`), text, { mode: 0o600 });
  renameSync(api.file(`${name}.next`), api.file(name));
}

/** The certificate that a new connection sees. */
async function shown(): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

async function ask(session: ClientHttp2Session): Promise<{ code: number; text: string }> {
  const stream = session.request({ ':path': path });
  const [headers] = await once(stream, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { code: headers[':status'], text: Buffer.concat(chunks).toString() };
}

/** Asks on a new connection. */
async function askAs({ certificatePem: cert, keyPem: key }: PemPair) {
  const session = connectHttp2(api.server, { ca: api.config.ca, cert, key });
  try {
    return await ask(session);
  } finally {
    session.close();
  }
}

test('certificates that change in their files are in force without a restart', async () => {
  const nowMs = realClock.now();
  const next = await makeAuthority({ file: '', commonName: 'next-ca' }, nowMs);
  const inMemory = { file: '', authority: '' };
  const serving = await issueCertificate(
    { ...inMemory, commonName: 'next-server', addresses: ['127.0.0.1'], usages: ['server'] },
    api.authority,
    nowMs,
  );
  const user = await issueCertificate(
    { ...inMemory, commonName: 'next-user', organization: 'system:masters', usages: ['client'] },
    next,
    nowMs,
  );
  const known = await api.openSession();

  assert.equal((await askAs(user)).code, 401);
  put('ca.crt', api.authority.certificatePem + next.certificatePem);
  put('server.crt', serving.certificatePem); // does not fit its key yet
  put('server.key', serving.keyPem);
  await eventually(
    'clients of the other authority are known',
    async () => (await askAs(user)).code === 200 || undefined,
  );
  await eventually('the other certificate is shown', async () => (await shown()) === 'next-server' || undefined);
  assert.equal((await ask(known)).code, 200);
  await eventually('others are told', async () => {
    const { data } = JSON.parse((await askAs(user)).text);
    return data['client-ca-file'].includes(next.certificatePem.trim()) || undefined;
  });

  put('ca.crt', next.certificatePem);
  await eventually(
    'clients of the first authority are strangers',
    async () => (await ask(known)).code === 401 || undefined,
  );
  assert.equal((await api.request('GET', path)).status, 401);
  assert.equal((await askAs(user)).code, 200);
  known.destroy();
});
