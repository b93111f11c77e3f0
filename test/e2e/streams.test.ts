// exec, attach, port-forward and logs through the real kubectl: over WebSocket and SPDY, the newest
// kubectl and 1.20, at a real terminal.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { type ClientOptions, WebSocket } from 'ws';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { freePort } from '../environment/control-plane.ts';
import { eventually, Kubectl, oldKubectl } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const megabytes = 50;

/** Collects what a process prints and waits for patterns in it. */
function readerOf(child: ChildProcess) {
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (text += chunk));
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    exited,
    until: (pattern: RegExp) =>
      eventually(`${pattern} in ${JSON.stringify(text)}`, () => pattern.exec(text) ?? undefined),
    text: () => text,
  };
}

/** The terminal that a descendant of the process sits at. */
function terminalOf(pid: number): string | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  for (const child of children) {
    for (const fd of readdirSync(`/proc/${child}/fd`)) {
      const target = readlinkSync(`/proc/${child}/fd/${fd}`);
      if (/^\/dev\/pts\/\d+$/.test(target)) return target;
    }
  }
  return undefined;
}

/** Address, subprotocol and credentials of a WebSocket to the API server as the kubectl's user. */
function webSocketOf(kubectl: Kubectl, path: string, protocol: string): [string, string, ClientOptions] {
  const { clusters, users } = kubectl.json('config', 'view', '--raw', '--minify');
  const bytes = (text: string) => Buffer.from(text, 'base64');
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  return [`${server.replace('https', 'wss')}${path}`, protocol, { ca: bytes(ca), cert: bytes(cert), key: bytes(key) }];
}

async function md5Of(url: string): Promise<string> {
  const hash = createHash('md5');
  await new Promise<void>((resolve, reject) => {
    const req = request(url, { agent: false }, (res) => {
      res.on('data', (chunk) => hash.update(chunk));
      res.on('end', resolve);
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
  return hash.digest('hex');
}

describe('streams', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  let variants: [name: string, kubectl: Kubectl][] = [];
  before(async () => {
    cluster = await startCluster('streams', ['busybox']);
    const { kubectl, kubeconfig } = cluster;
    const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' };
    variants = [
      ['WebSocket', kubectl],
      ['SPDY', new Kubectl(kubeconfig, 'kubectl', spdy)],
      ['kubectl 1.20', new Kubectl(kubeconfig, oldKubectl())],
    ];
    const script = `mkdir /www; dd if=/dev/urandom of=/www/big bs=1M count=${megabytes} 2>/dev/null; md5sum /www/big; httpd -p 8080 -h /www; while read line; do echo "read $line"; done; sleep 3600`;
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'c',
            image: 'busybox:1.36',
            stdin: true,
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            command: ['sh', '-c', script],
          },
        ],
      },
    });
    kubectl.get('wait', '--for=condition=Ready', 'pod/p', '--timeout=600s');
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  for (const index of [0, 1, 2]) {
    const name = ['WebSocket', 'SPDY', 'kubectl 1.20'][index]!;
    const chosen = () => variants[index]![1];

    test(`exec over ${name}: output, input, exit code`, async () => {
      const kubectl = chosen();
      assert.equal(kubectl.get('exec', 'p', '--', 'echo', 'hello there'), 'hello there\n');
      const { code, stdout, stderr } = kubectl.run(
        ['exec', '-i', 'p', '--', 'sh', '-c', 'cat; echo problem >&2; exit 7'],
        'some input',
      );
      assert.deepEqual([code, stdout], [7, 'some input']);
      assert.match(stderr, /problem/);
    });

    test(`exec over ${name}: a command of 180 KB`, () => {
      const long = 'x'.repeat(60_000);
      const script = 'for word; do printf %s "$word" | wc -c; done';
      const counted = chosen().get('exec', 'p', '--', 'sh', '-c', script, 's', long, long, long);
      assert.deepEqual(counted.trim().split(/\s+/), ['60000', '60000', '60000']);
    });

    test(`exec -it over ${name}: a terminal, its size, Ctrl-C, the exit code`, async () => {
      const child = chosen().startAtTerminal(['exec', '-it', 'p', '--', 'sh']);
      const screen = readerOf(child);
      await screen.until(/# /);
      const terminal = await eventually('the terminal', () => terminalOf(child.pid!));
      execFileSync('stty', ['-F', terminal, 'rows', '33', 'cols', '111']);
      await eventually('the new size', async () => {
        child.stdin!.write('stty size\n');
        return screen.text().includes('33 111') || undefined;
      });
      child.stdin!.write('sleep 100; echo after=$?\n');
      await screen.until(/sleep 100/);
      child.stdin!.write('\x03');
      child.stdin!.write('echo interrupted; exit 9\n');
      await screen.until(/interrupted\r\n/);
      assert.equal(await screen.exited, 9, screen.text());
    });

    test(`port-forward over ${name} moves ${megabytes} MB`, async () => {
      const port = await freePort();
      const child = chosen().start(['port-forward', 'pod/p', `${port}:8080`]);
      const screen = readerOf(child);
      try {
        await screen.until(/Forwarding from 127\.0\.0\.1/);
        const wanted = chosen().get('logs', 'p', '--tail=-1').split(' ')[0];
        assert.equal(await md5Of(`http://127.0.0.1:${port}/big`), wanted);
      } finally {
        child.kill();
        await screen.exited;
      }
    });

    test(`attach over ${name} sees output and gives input`, async () => {
      const child = chosen().start(['attach', '-i', 'p', '-c', 'c']);
      const screen = readerOf(child);
      const line = `line-${index}`;
      await eventually('the echo', async () => {
        child.stdin!.write(`${line}\n`);
        return screen.text().includes(`read ${line}`) || undefined;
      });
      child.kill();
      await screen.exited;
    });
  }

  test('logs: follow, tail, since, timestamps, previous', async () => {
    const { kubectl } = cluster;
    const script = 'i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo line $i; done; sleep 2; echo last; exit 3';
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'talker' },
      spec: {
        restartPolicy: 'OnFailure',
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: 'busybox:1.36', command: ['sh', '-c', script] }],
      },
    });
    kubectl.get('wait', '--for=condition=Ready', 'pod/talker', '--timeout=600s');
    const follow = kubectl.start(['logs', '-f', 'talker']);
    const seen = readerOf(follow);
    await seen.until(/line 5/);
    await seen.until(/last/);
    follow.kill();
    assert.match(kubectl.get('logs', 'talker', '--tail=2', '--timestamps'), /^\d{4}-\d\d-\d\dT[\d:.]+Z \S/);
    await eventually(
      'a restart',
      () => kubectl.json('get', 'pod', 'talker').status.containerStatuses[0].restartCount > 0 || undefined,
    );
    assert.match(kubectl.get('logs', 'talker', '--previous'), /line 1\n[\s\S]*last\n/);
    assert.match(
      kubectl.run(['logs', 'talker', '-c', 'nobody']).stderr,
      /container nobody is not valid for pod talker/,
    );
    kubectl.get('delete', 'pod', 'talker');
  });

  const open = (path: string, protocol: string) => new WebSocket(...webSocketOf(cluster.kubectl, path, protocol));

  test('logs over WebSocket, as bytes and in base64', async () => {
    const sum = cluster.kubectl.get('logs', 'p').split('\n')[0]!;
    for (const protocol of ['binary.k8s.io', 'base64.binary.k8s.io']) {
      const ws = open('/api/v1/namespaces/default/pods/p/log?tailLines=1000', protocol);
      let text = '';
      ws.on('message', (message: Buffer, isBinary: boolean) => {
        text += isBinary ? message : Buffer.from(message.toString(), 'base64');
      });
      const [code] = await once(ws, 'close');
      assert.deepEqual([ws.protocol, code, text.split('\n')[0]], [protocol, 1000, sum]);
    }
  });

  test('exec and port-forward by the protocols of other clients', async () => {
    const pod = '/api/v1/namespaces/default/pods/p';
    const collect = async (ws: WebSocket, channel: number) => {
      let text = '';
      ws.on('message', (message: Buffer) => {
        if (message[0] === channel) text += message.toString('latin1', 1);
      });
      await once(ws, 'close');
      return text;
    };
    const exec = open(`${pod}/exec?command=echo&command=hi&stdout=1&stderr=1`, 'channel.k8s.io');
    assert.equal(await collect(exec, 1), 'hi\n');
    const forward = open(`${pod}/portforward?ports=8080`, 'v4.channel.k8s.io');
    forward.on('open', () => forward.send(Buffer.from('\0GET / HTTP/1.0\r\n\r\n')));
    const answer = await collect(forward, 0);
    assert.deepEqual([...Buffer.from(answer.slice(0, 2), 'latin1')], [8080 & 0xff, 8080 >> 8]);
    assert.match(answer.slice(2), /^HTTP\/1\.[01] 404/);
  });
});
