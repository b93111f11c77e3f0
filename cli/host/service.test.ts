import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunByService, renderService } from './service.ts';

test('a service starts and ends the cluster by the launcher, whatever its path', () => {
  const text = renderService({
    cluster: 'a',
    launcher: '/home/jo/50% "off" $HOME\\x/k8ts',
    folders: ['/var/lib/k8ts', '/home/jo/a b'],
    env: { PATH: '/opt/node/bin:/usr/bin', KUBECONFIG: undefined, PROXY: 'http://u:p%40@h/$x' },
    args: ['--kubeconfig', '/home/jo/k c'],
  });
  const lines = text.split('\n');
  const launcher = String.raw`"/home/jo/50%% \"off\" $$HOME\\x/k8ts"`;
  for (const line of [
    `ExecStart=${launcher} "up" "--wait" "15m" "--name" "a" "--kubeconfig" "/home/jo/k c"`,
    `ExecStop=${launcher} "down" "--keep-data" "--name" "a" "--kubeconfig" "/home/jo/k c"`,
    'Environment="PATH=/opt/node/bin:/usr/bin"',
    'Environment="PROXY=http://u:p%%40@h/$x"',
    'Environment="K8TS_SERVICE=1"',
    'RequiresMountsFor="/var/lib/k8ts" "/home/jo/a b"',
    'Type=oneshot',
    'RemainAfterExit=yes',
    'WantedBy=multi-user.target',
  ])
    assert.ok(lines.includes(line), line);
  assert.doesNotMatch(text, /KUBECONFIG/);
});

test('our commands know when a service runs them', () => {
  assert.ok(isRunByService({ K8TS_SERVICE: '1' }));
  assert.ok(!isRunByService({}));
});
