// Certificates of a node: the first one by a bootstrap token, the next ones by the last, and the server's by approval. The
// API server, the controllers that approve and sign, and kubectl are real; time is the test's where years would pass.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect, type PeerCertificate } from 'node:tls';
import type { PemPair } from '../../../cli/pki/issue.ts';
import { joiningBindings } from '../../../cli/steps/node-joining.ts';
import { type ClientConfig, readKubeconfig } from '../../../client/config.ts';
import { KubeClient } from '../../../client/rest.ts';
import { createControllers } from '../../../controllers/index.ts';
import type { Pair } from '../../../kubelet/certificates/certificate-files.ts';
import {
  type CredentialOptions,
  managerOf,
  obtainAccess,
  rotateClient,
} from '../../../kubelet/certificates/node-certificates.ts';
import { realClock } from '../../../machinery/clock.ts';
import { silentLogger } from '../../../machinery/log.ts';
import { realRandom } from '../../../machinery/random.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { type RunningControllers, runControllers } from '../../environment/controllers.ts';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { startKubeletServer } from '../../environment/kubelet-server.ts';

const dayMs = 24 * 3600 * 1000;
const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
const token = 'abcdef.0123456789abcdef';

describe('the certificates of a node', () => {
  let api: TestControlPlane;
  let running: RunningControllers;
  let kubectl: Kubectl;
  let dir: string;

  before(async () => {
    api = await startControlPlane(['--authorization-mode', 'Node,RBAC', '--enable-bootstrap-token-auth']);
    kubectl = new Kubectl(await api.kubeconfig());
    running = await runControllers(api, createControllers({ signing: { ...api.authority, lifetimeMs: 2000 * dayMs } }));
    dir = mkdtempSync(join(tmpdir(), 'k8ts-certificates-'));
    const bootstrapToken = {
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      },
    };
    const made = await api.request('POST', '/api/v1/namespaces/kube-system/secrets', { body: bootstrapToken });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    for (const body of joiningBindings) await bind(body);
    const user = { token };
    const cluster = {
      server: api.server,
      'certificate-authority-data': Buffer.from(api.authority.certificatePem).toString('base64'),
    };
    const bootstrap = {
      'current-context': 'b',
      clusters: [{ name: 'b', cluster }],
      users: [{ name: 'b', user }],
      contexts: [{ name: 'b', context: { cluster: 'b', user: 'b' } }],
    };
    writeFileSync(join(dir, 'bootstrap.kubeconfig'), JSON.stringify(bootstrap));
  });
  after(async () => {
    await running?.[Symbol.asyncDispose]();
    await api?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const bind = async (body: object) => assert.equal((await api.request('POST', bindings, { body })).status, 201);
  const optionsOf = (nodeName: string, more: Partial<CredentialOptions> = {}): CredentialOptions => ({
    kubeconfig: join(dir, nodeName, 'kubelet.conf'),
    bootstrapKubeconfig: join(dir, 'bootstrap.kubeconfig'),
    certDir: join(dir, nodeName, 'pki'),
    rotates: true,
    nodeName,
    ...more,
  });
  const contextOf = (signal: AbortSignal, aheadMs = 0) => ({
    clock: { ...realClock, now: () => realClock.now() + aheadMs },
    random: realRandom,
    log: silentLogger,
    signal,
  });
  const requestsOf = async (nodeName: string): Promise<any[]> => {
    const { items } = (await api.request('GET', csrs)).body;
    const isOf = ({ spec }: any) => {
      const der = Buffer.from(spec.request, 'base64')
        .toString()
        .replace(/-----.*-----|\s/g, '');
      return Buffer.from(der, 'base64').includes(`system:node:${nodeName}`);
    };
    return items.filter(isOf);
  };
  const whoIs = async (client: KubeClient) => {
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    return (await client.request({ method: 'POST', path, body })).status.userInfo;
  };
  const clientOf = (config: ClientConfig) => new KubeClient(config, { userAgent: 'kubelet', clock: realClock });
  const digestOf = (cert: Buffer | string) =>
    `X509SHA256=${new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()}`;

  test('a token gets a first certificate and a kubeconfig; neither is asked for twice', async () => {
    const { signal } = new AbortController();
    const options = optionsOf('joining');
    const access = await obtainAccess(options, contextOf(signal));
    const client = clientOf(access);
    try {
      const { username, groups } = await whoIs(client);
      assert.deepEqual([username, groups], ['system:node:joining', ['system:nodes', 'system:authenticated']]);
    } finally {
      client.close();
    }
    assert.equal(access.token, undefined);
    const [request, ...others] = await requestsOf('joining');
    assert.deepEqual(others, []);
    assert.match(request.metadata.name, /^csr-[a-z0-9]{5}$/);
    assert.deepEqual(request.spec.usages, ['digital signature', 'client auth']);
    assert.equal(request.spec.signerName, 'kubernetes.io/kube-apiserver-client-kubelet');
    assert.equal(request.spec.username, 'system:bootstrap:abcdef');
    const pem = join(options.certDir, 'kubelet-client-current.pem');
    const kubeconfig = readFileSync(options.kubeconfig, 'utf8');
    assert.equal(kubeconfig.split(pem).length, 3, kubeconfig);
    await obtainAccess(options, contextOf(signal));
    // One that was killed before it wrote the kubeconfig has the certificate.
    rmSync(options.kubeconfig);
    assert.deepEqual((await obtainAccess(options, contextOf(signal))).cert, readFileSync(pem));
    assert.equal((await requestsOf('joining')).length, 1);
    assert.ok(!existsSync(join(options.certDir, 'kubelet-client.key.tmp')));
  });

  test('a process that ends while it waits goes on with the same request', async () => {
    const options = optionsOf('interrupted');
    const path = `${bindings}/kubeadm:node-autoapprove-bootstrap`;
    assert.equal((await api.request('DELETE', path)).status, 200);
    const first = new AbortController();
    const asking = obtainAccess(options, contextOf(first.signal));
    const [{ metadata }] = await eventually('a request', async () => {
      const found = await requestsOf('interrupted');
      return found.length > 0 ? found : undefined;
    });
    first.abort();
    await assert.rejects(asking);
    assert.ok(existsSync(join(options.certDir, 'kubelet-client.key.tmp')));
    const second = obtainAccess(options, contextOf(new AbortController().signal));
    kubectl.get('certificate', 'approve', metadata.name);
    await second;
    assert.deepEqual(
      (await requestsOf('interrupted')).map(({ metadata: { name } }) => name),
      [metadata.name],
    );
    await bind(joiningBindings[1]!);
  });

  test('a certificate is renewed late in its life, and shown from then on', async () => {
    const issued: PemPair = await api.certificate('system:node:old', 'system:nodes');
    const [cert, key] = [Buffer.from(issued.certificatePem), Buffer.from(issued.keyPem)];
    const config = { ...readKubeconfig(join(dir, 'bootstrap.kubeconfig')), cert, key };
    const { token: _, ...own } = config;
    const client = clientOf(own);
    const stop = new AbortController();
    try {
      assert.deepEqual((await whoIs(client)).extra['authentication.kubernetes.io/credential-id'], [digestOf(cert)]);
      const options = optionsOf('old', { bootstrapKubeconfig: '' });
      // It lasts for a year, of which this is the 340th day.
      rotateClient(options, contextOf(stop.signal, 340 * dayMs), { api: own, client });
      const shown = await eventually('the next certificate', async () => {
        const { username, extra } = await whoIs(client);
        assert.equal(username, 'system:node:old');
        const [id] = extra['authentication.kubernetes.io/credential-id'];
        return id !== digestOf(cert) && id;
      });
      const pem = join(options.certDir, 'kubelet-client-current.pem');
      assert.equal(shown, digestOf(readFileSync(pem)));
      const requests = await requestsOf('old');
      assert.deepEqual(
        requests.map(({ spec, status }) => [spec.username, status.conditions[0].message]),
        [['system:node:old', 'Auto approving self kubelet client certificate after SubjectAccessReview.']],
      );
      // The next process has it at once, though its kubeconfig has the first one still.
      const next = clientOf(own);
      const again = new AbortController();
      rotateClient(options, contextOf(again.signal, 341 * dayMs), { api: own, client: next });
      assert.deepEqual((await whoIs(next)).extra['authentication.kubernetes.io/credential-id'], [shown]);
      again.abort();
      next.close();
      assert.equal((await requestsOf('old')).length, 1);
    } finally {
      stop.abort();
      client.close();
    }
  });

  test("a server's certificate is asked for, and shown once somebody has approved it", async () => {
    const issued = await api.certificate('system:node:serving', 'system:nodes');
    const [cert, key] = [Buffer.from(issued.certificatePem), Buffer.from(issued.keyPem)];
    const client = clientOf({ server: api.server, ca: Buffer.from(api.authority.certificatePem), cert, key });
    const stop = new AbortController();
    const server = await startKubeletServer(
      { tls: { pair: undefined, clientCa: Buffer.from(api.authority.certificatePem) } },
      api.authority,
    );
    try {
      const node = { certDir: join(dir, 'serving'), nodeName: 'serving', nodeIp: '192.0.2.7' };
      const onChange = (pair: Pair) => server.present(pair);
      const own = { ...node, names: [node.nodeName, node.nodeIp] };
      const manager = managerOf('server', own, contextOf(stop.signal), {
        client: () => client,
        initial: undefined,
        onChange,
      });
      const done = manager.run(stop.signal);
      const only = (count: number) =>
        eventually('requests', async () => {
          const found = await requestsOf('serving');
          return found.length === count ? found : undefined;
        });
      const [denied] = await only(1);
      assert.equal(denied.spec.signerName, 'kubernetes.io/kubelet-serving');
      await assert.rejects(server.ask('/healthz'), 'nobody has approved it');
      kubectl.get('certificate', 'deny', denied.metadata.name);
      const requests = await only(2);
      const { metadata } = requests.find(({ metadata: { name } }: any) => name !== denied.metadata.name);
      assert.match(kubectl.get('get', 'csr', metadata.name), /kubelet-serving +system:node:serving .*Pending/);
      kubectl.get('certificate', 'approve', metadata.name);
      await eventually('a certificate', () => manager.current);
      assert.equal((await server.ask('/healthz')).code, 200);
      const { subject, subjectaltname } = await shownBy(await server.options(null));
      assert.deepEqual({ ...(subject as object) }, { O: 'system:nodes', CN: 'system:node:serving' });
      assert.equal(subjectaltname, 'DNS:serving, IP Address:192.0.2.7');
      stop.abort();
      await done;
    } finally {
      stop.abort();
      client.close();
      await server.close();
    }
  });

  function shownBy(options: ConnectionOptions): Promise<PeerCertificate> {
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      }).once('error', reject);
    });
  }
});
