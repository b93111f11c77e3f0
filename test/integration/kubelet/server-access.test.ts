// Who may ask the kubelet's server: certificates and tokens, judged by a real API server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readKubeconfig } from '../../../client/config.ts';
import { KubeClient } from '../../../client/rest.ts';
import { type AccessSettings, createAccess } from '../../../kubelet/server/client-access.ts';
import { realClock } from '../../../machinery/clock.ts';
import { silentLogger } from '../../../machinery/log.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/kubectl.ts';
import {
  type AskOptions,
  accessSettings,
  startKubeletServer,
  type TestKubeletServer,
} from '../../environment/kubelet-server.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';

describe("who may ask the kubelet's server", () => {
  let api: TestControlPlane;
  let server: TestKubeletServer;
  let open: TestKubeletServer;
  let client: KubeClient;
  const asked: string[][] = [];

  before(async () => {
    api = await startControlPlane(['--authorization-mode', 'Node,RBAC']);
    await api.namespace('ns');
    // The kubelet asks as its node, which may.
    const config = readKubeconfig(await api.kubeconfig({ name: 'system:node:node', groups: 'system:nodes' }));
    client = new KubeClient(config, { userAgent: 'kubelet', clock: realClock });
    const access = (more: Partial<AccessSettings>) =>
      createAccess({ ...accessSettings, ...more }, { client, clock: realClock, log: silentLogger, nodeName: 'node' });
    const ExecSync = async ({ cmd }: { cmd: string[] }) => {
      asked.push(cmd);
      const isGood = cmd[0] !== 'false';
      return { exit_code: isGood ? 0 : 1, stdout: Buffer.from('out\n'), stderr: Buffer.from(isGood ? '' : 'no') };
    };
    const worker = {
      pod: { metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [{ name: 'c' }, { name: 'gone' }] } },
      status: { containerStatuses: [{ name: 'c', state: { running: {} }, containerID: 'k8ts://c' }] },
    };
    const pods = { list: () => [], find: (_: string, name: string) => (name === 'p' ? worker : undefined) };
    const parts = { pods, cri: { runtime: { ExecSync } }, health: { ping: () => undefined } };
    server = await startKubeletServer({ ...parts, access: access({ deniedTtlMs: 0 }) }, api.authority);
    open = await startKubeletServer({ ...parts, access: access({ anonymous: true, tokens: false }) }, api.authority);
    await allow('reader', ['nodes/metrics', 'nodes/pods'], ['get']);
    await allow('runner', ['nodes/proxy'], ['create']);
    // The API server's own view of the roles may lag a moment.
    await isServed('/metrics', { as: 'reader' });
    await isServed('/run/ns/p/c?cmd=ls', { as: 'runner', method: 'POST' });
  });
  after(async () => {
    client?.close();
    await Promise.all([server, open].map((one) => one?.close()));
    await api?.[Symbol.asyncDispose]();
  });

  /** A role, for the user of that name and for the service account of that name. */
  async function allow(name: string, resources: string[], verbs: string[]): Promise<void> {
    const accounts = await api.request('POST', '/api/v1/namespaces/ns/serviceaccounts', {
      body: { metadata: { name } },
    });
    const role = { metadata: { name }, rules: [{ apiGroups: [''], resources, verbs }] };
    const subjects = [
      { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name },
      { kind: 'ServiceAccount', namespace: 'ns', name },
    ];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
    const made = [
      accounts,
      await api.request('POST', `${rbac}/clusterroles`, { body: role }),
      await api.request('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name }, roleRef, subjects } }),
    ];
    for (const { status, body } of made) assert.equal(status, 201, JSON.stringify(body));
  }

  async function tokenOf(account: string): Promise<string> {
    const path = `/api/v1/namespaces/ns/serviceaccounts/${account}/token`;
    return (await api.request('POST', path, { body: { spec: {} } })).body.status.token;
  }

  const bearer = (token: string): AskOptions => ({ as: null, headers: { authorization: `Bearer ${token}` } });
  const answers = async (path: string, options: AskOptions, want: [code: number, text?: string]) => {
    const { code, text } = await server.ask(path, options);
    assert.deepEqual([code, want[1] === undefined ? undefined : text], [want[0], want[1]], path);
  };

  const isServed = (path: string, options: AskOptions) =>
    eventually(path, async () => (await server.ask(path, options)).code === 200);

  test('nobody in particular is refused', async () => {
    await answers('/pods', { as: null }, [401, 'Unauthorized']);
    await answers('/healthz', bearer('none'), [401, 'Unauthorized']);
    await answers('/run/ns/p/c?cmd=ls', { as: null, method: 'POST' }, [401, 'Unauthorized']);
  });

  test('a certificate of the cluster alone is not enough', async () => {
    const refusal = (subresources: string, verb = 'get') =>
      `Forbidden (user=somebody, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n`;
    const table: [path: string, subresources: string, method?: [string, string]][] = [
      ['/pods', 'pods proxy'],
      ['/runningpods/', 'pods proxy'],
      ['/healthz/ping', 'healthz proxy'],
      ['/configz', 'configz proxy'],
      ['/statusz', 'statusz'],
      ['/flagz', 'configz'],
      ['/stats/summary', 'stats'],
      ['/metrics', 'metrics'],
      ['/metrics/cadvisor', 'metrics'],
      ['/logs/', 'log'],
      ['/containerLogs/ns/p/c', 'proxy'],
      ['/metricsx', 'proxy'],
      ['/metrics/../exec/ns/p/c', 'proxy'],
      ['/run/ns/p/c', 'proxy', ['POST', 'create']],
      ['/pods', 'pods proxy', ['DELETE', 'delete']],
      ['/constructor', 'proxy', ['OPTIONS', '']],
    ];
    for (const [path, subresources, [method, verb] = ['GET', 'get']] of table) {
      await answers(path, { as: 'somebody', method }, [403, refusal(subresources, verb)]);
    }
  });

  test('a stream is no way around', async () => {
    const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' };
    await answers('/exec/ns/p/c?command=ls', { as: null, method: 'POST', headers }, [401]);
    await answers('/exec/ns/p/c?command=ls', { as: 'reader', method: 'POST', headers }, [403]);
  });

  test('what a role names is served, by certificate and by token', async () => {
    for (const who of [{ as: 'reader' }, bearer(await tokenOf('reader'))]) {
      await answers('/metrics', who, [200]);
      await answers('/pods', who, [200]);
      await answers('/configz', who, [403]);
      await answers('/healthz', who, [403]);
    }
    const { code, text } = await server.ask('/configz', bearer(await tokenOf('runner')));
    assert.equal(code, 403);
    assert.match(text, /^Forbidden \(user=system:serviceaccount:ns:runner, verb=get, /);
  });

  test('whoever may is let in as soon as it is said, and believed for a while', async () => {
    const who = { as: 'late' };
    await answers('/metrics', who, [403]);
    await allow('late', ['nodes/metrics'], ['get']);
    await isServed('/metrics', who);
    const path = `${rbac}/clusterrolebindings/late`;
    assert.equal((await api.request('DELETE', path)).status, 200);
    await answers('/metrics', who, [200]);
  });

  test('anonymous requests are somebody where that is switched on, and tokens nobody where they are off', async () => {
    const refusal = 'Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[metrics])\n';
    assert.deepEqual([(await open.ask('/metrics', { as: null })).text, 403], [refusal, 403]);
    const token = bearer(await tokenOf('reader'));
    assert.equal((await open.ask('/metrics', token)).text, refusal);
    assert.equal((await open.ask('/metrics', { as: 'reader' })).code, 200);
  });

  test('a command that runs to its end', async () => {
    const run = (path: string, more: AskOptions = {}) => server.ask(path, { as: 'runner', method: 'POST', ...more });
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const { code, text } = await run('/run/ns/p/c?cmd=echo+a');
    assert.deepEqual([code, text, asked.at(-1)], [200, 'out\n', ['echo', 'a']]);
    await run('/run/ns/p/uid/c', { ...form, body: 'cmd=ls%20-l' });
    assert.deepEqual(asked.at(-1), ['ls', '-l']);
    const tooLong = await run('/run/ns/p/c', { ...form, body: `cmd=${'x'.repeat(2 << 20)}` }).catch(() => undefined);
    assert.ok(tooLong === undefined || tooLong.code === 413);
    const failed = await run('/run/ns/p/c?cmd=false');
    assert.deepEqual([failed.code, failed.text], [500, "command 'false' exited with 1: no\n"]);
    assert.equal((await run('/run/ns/p/gone?cmd=ls')).text, 'container not found ("gone")\n');
    assert.equal((await run('/run/ns/none/c?cmd=ls')).code, 404);
    assert.equal((await run('/run/ns/p')).code, 404);
  });

  test('a container that does not run takes no streams', async () => {
    const upgrade = { as: 'runner', method: 'POST', headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' } };
    const answer = async (path: string) => {
      const { code, text } = await server.ask(path, upgrade);
      return [code, text.trim()];
    };
    assert.deepEqual(await answer('/exec/ns/p/gone?command=ls'), [400, 'container not found ("gone")']);
    assert.deepEqual(await answer('/attach/ns/p/gone'), [400, 'container gone not found in pod p_ns']);
  });

  test('while the API server is away nobody new is let in, and who was known still is', async () => {
    await answers('/metrics', { as: 'reader' }, [200]);
    const token = await tokenOf('reader');
    await api.killApiServer();
    await answers('/metrics', { as: 'reader' }, [200]);
    await answers('/metrics', bearer(token), [401, 'Unauthorized']);
    const text = 'Authorization error (user=other, verb=get, resource=nodes, subresource=metrics)\n';
    await answers('/metrics', { as: 'other' }, [500, text]);
  });
});
