import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../../test/builders/memory-api.ts';
import { describeViolations, type Level, readPolicy, violationsOf } from './policy.ts';

const container = (more: object = {}, name = 'c') => ({ name, image: 'i', ...more });
const secure = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};
const restrictedPod = { containers: [container({ securityContext: secure })] };
const inPod = (more: object) => ({ ...restrictedPod, ...more });
const inContainer = (securityContext: object) => ({
  containers: [container({ securityContext: { ...secure, ...securityContext } })],
});

const told = (level: Level, spec: object, version = 'latest', metadata: object = {}) =>
  describeViolations(violationsOf({ level, version }, { metadata, spec }));

describe('what each level forbids', () => {
  const baseline: [spec: object, want: string][] = [
    [inPod({ hostNetwork: true, hostPID: true }), 'host namespaces (hostNetwork=true, hostPID=true)'],
    [inContainer({ privileged: true }), 'privileged (container "c" must not set securityContext.privileged=true)'],
    [
      inPod({
        securityContext: { appArmorProfile: { type: 'Unconfined' } },
        ephemeralContainers: [container({ securityContext: secure }, 'e')],
      }),
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ],
    [
      {
        containers: [
          container({ ports: [{ hostPort: 80 }, { hostPort: 443 }, { hostPort: 0 }], securityContext: secure }),
        ],
      },
      'hostPort (container "c" uses hostPorts 443, 80)',
    ],
    [
      { containers: [container({ livenessProbe: { httpGet: { host: 'x' } }, securityContext: secure })] },
      'probe or lifecycle host (container "c" uses probe or lifecycle host "x")',
    ],
    [
      inContainer({ procMount: 'Unmasked' }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      inPod({ securityContext: { seLinuxOptions: { type: 'spc_t', user: 'u' } } }),
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      inPod({ securityContext: { sysctls: [{ name: 'kernel.msgmax' }, { name: 'net.ipv4.tcp_rmem' }] } }),
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      inContainer({ windowsOptions: { hostProcess: true } }),
      'hostProcess (container "c" must not set securityContext.windowsOptions.hostProcess=true)',
    ],
    [
      inContainer({ seccompProfile: { type: 'Unconfined' } }),
      'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
  ];
  for (const [spec, want] of baseline) {
    test(want, () => {
      assert.equal(told('baseline', spec), want);
      assert.equal(told('restricted', spec), want, 'the stricter level says it once too');
      assert.equal(told('privileged', spec), '');
    });
  }

  test('baseline alone', () => {
    assert.equal(told('baseline', restrictedPod), '');
    assert.equal(told('baseline', { containers: [container()] }), '');
    assert.equal(
      told('baseline', inContainer({ capabilities: { drop: ['ALL'], add: ['SYS_TIME', 'CHOWN'] } })),
      'non-default capabilities (container "c" must not include "SYS_TIME" in securityContext.capabilities.add)',
    );
    assert.equal(told('baseline', inPod({ volumes: [{ name: 'v', hostPath: {} }] })), 'hostPath volumes (volume "v")');
  });

  test('violations come in the order of upstream names', () => {
    const spec = {
      ...inContainer({ privileged: true, capabilities: { add: ['B'] }, procMount: 'Unmasked' }),
      hostNetwork: true,
      volumes: [
        { name: 'b', hostPath: {} },
        { name: 'a', nfs: {} },
        { name: 'i', image: {} },
      ],
      securityContext: { sysctls: [{ name: 'b' }, { name: 'a' }], seccompProfile: { type: 'Unconfined' } },
    };
    const reasons = (level: Level) =>
      violationsOf({ level, version: 'latest' }, { spec }).map(({ reason, detail }) =>
        /sysctl|types/.test(reason) ? `${reason} (${detail})` : reason,
      );
    const first = ['host namespaces', 'privileged'];
    const sysctls = 'forbidden sysctls (b, a)';
    assert.deepEqual(reasons('baseline'), [
      'non-default capabilities',
      'host namespaces',
      'hostPath volumes',
      'privileged',
      'procMount',
      'seccompProfile',
      sysctls,
    ]);
    assert.deepEqual(reasons('restricted'), [
      ...first,
      sysctls,
      'unrestricted capabilities',
      'procMount',
      'restricted volume types (volumes "b", "a" use restricted volume types "hostPath", "nfs")',
      'seccompProfile',
    ]);
  });

  test('a plain pod lacks all that restricted wants', () => {
    assert.equal(told('restricted', restrictedPod), '');
    const lacks = (who: string) =>
      `allowPrivilegeEscalation != false (${who} must set securityContext.allowPrivilegeEscalation=false), ` +
      `unrestricted capabilities (${who} must set securityContext.capabilities.drop=["ALL"]), ` +
      `runAsNonRoot != true (pod or ${who} must set securityContext.runAsNonRoot=true), ` +
      `seccompProfile (pod or ${who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`;
    assert.equal(told('restricted', { containers: [container()] }), lacks('container "c"'));
    const two = { initContainers: [container({}, 'i')], containers: [container()] };
    assert.equal(told('restricted', two), lacks('containers "i", "c"'));
  });

  test('restricted: what the pod says holds for its containers', () => {
    const { runAsNonRoot, seccompProfile, ...own } = secure;
    const spec = {
      securityContext: { runAsNonRoot, seccompProfile },
      containers: [container({ securityContext: own })],
    };
    assert.equal(told('restricted', spec), '');
    assert.equal(
      told('restricted', { ...spec, securityContext: { seccompProfile, runAsNonRoot: false } }),
      'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)',
    );
    assert.equal(
      told('restricted', inPod({ securityContext: { runAsUser: 0 }, volumes: [{ name: 'v', nfs: {} }] })),
      'restricted volume types (volume "v" uses restricted volume type "nfs"), runAsUser=0 (pod must not set runAsUser=0)',
    );
  });

  test('a version keeps what was in force then', () => {
    const spec = inPod({ securityContext: { runAsUser: 0, sysctls: [{ name: 'net.ipv4.tcp_rmem' }] } });
    assert.equal(told('restricted', spec, 'v1.22'), 'forbidden sysctls (net.ipv4.tcp_rmem)');
    assert.equal(told('restricted', spec, 'v1.99'), 'runAsUser=0 (pod must not set runAsUser=0)');
  });

  test('root of a user namespace is root of nothing else, as versions from 1.35 on say', () => {
    const { runAsNonRoot: _, ...own } = secure;
    const root = (procMount: string) => ({
      hostUsers: false,
      securityContext: { runAsUser: 0 },
      containers: [container({ securityContext: { ...own, runAsUser: 0, procMount } })],
    });
    const unmasked = 'procMount (container "c" must not set securityContext.procMount to "Unmasked")';
    assert.equal(told('baseline', root('Unmasked')), '');
    assert.equal(told('restricted', root('Default')), '');
    assert.equal(told('restricted', root('Unmasked')), unmasked);
    assert.equal(told('baseline', root('Unmasked'), 'v1.34'), unmasked);
    const asRoot =
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
      'runAsUser=0 (pod and container "c" must not set runAsUser=0)';
    assert.equal(told('restricted', root('Default'), 'v1.34'), asRoot);
    assert.equal(told('restricted', { ...root('Default'), hostUsers: true }), asRoot);
  });

  test('annotations of old', () => {
    const annotations = {
      'container.apparmor.security.beta.kubernetes.io/c': 'unconfined',
      'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined',
      'container.seccomp.security.alpha.kubernetes.io/other': 'unconfined',
      'seccomp.security.alpha.kubernetes.io/pod': 'docker/default',
    };
    const appArmor =
      'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined"")';
    const seccomp =
      'seccompProfile (forbidden annotation container.seccomp.security.alpha.kubernetes.io/c="unconfined")';
    assert.equal(told('baseline', restrictedPod, 'latest', { annotations }), appArmor);
    assert.equal(told('baseline', restrictedPod, 'v1.18', { annotations }), `${appArmor}, ${seccomp}`);
  });
});

describe('readPolicy()', () => {
  const label = (name: string) => `pod-security.kubernetes.io/${name}`;
  const read = (labels: Record<string, string>) => {
    const { policy, errors } = readPolicy(
      Object.fromEntries(Object.entries(labels).map(([name, value]) => [label(name), value])),
    );
    const modes = [policy.enforce, policy.audit, policy.warn].map(({ level, version }) => `${level}:${version}`);
    return [modes.join(' '), ...errors.map(({ field }) => field)];
  };
  const table: [labels: Record<string, string>, want: string[]][] = [
    [{}, ['privileged:latest privileged:latest privileged:latest']],
    [{ enforce: 'baseline', 'enforce-version': 'v1.30' }, ['baseline:v1.30 privileged:latest baseline:v1.30']],
    [{ enforce: 'baseline', 'warn-version': 'v1.30' }, ['baseline:latest privileged:latest baseline:v1.30']],
    [{ enforce: 'baseline', warn: 'privileged' }, ['baseline:latest privileged:latest privileged:latest']],
    [
      { enforce: 'strict', warn: 'x', audit: 'y', 'audit-version': 'v1.x' },
      [
        'restricted:latest privileged:latest privileged:latest',
        ...['enforce', 'audit', 'audit-version', 'warn'].map((name) => `metadata.labels[${label(name)}]`),
      ],
    ],
    [
      { enforce: 'strict' },
      ['restricted:latest privileged:latest privileged:latest', `metadata.labels[${label('enforce')}]`],
    ],
  ];
  for (const [labels, want] of table) test(JSON.stringify(labels), () => assert.deepEqual(read(labels), want));
});

describe('the plugin', () => {
  const pods = '/api/v1/namespaces/safe/pods';
  const pod = (name: string, spec: object) => ({ metadata: { name }, spec });
  async function start(labels: object) {
    const api = await startMemoryApi();
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'safe', labels } } });
    await api.send('POST', '/api/v1/namespaces/safe/serviceaccounts', { body: { metadata: { name: 'default' } } });
    return api;
  }
  const privileged = inContainer({ privileged: true, allowPrivilegeEscalation: true });

  test('pods that violate what is enforced are refused, on create and on update', async () => {
    const api = await start({ 'pod-security.kubernetes.io/enforce': 'baseline' });
    const refused = api.send('POST', pods, { body: pod('p', privileged) });
    await assert.rejects(refused, {
      code: 403,
      message:
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)',
    });
    await api.send('POST', pods, { body: pod('q', { containers: [container()] }) });
    const patch = { body: { metadata: { labels: { a: 'b' } } }, contentType: 'application/merge-patch+json' };
    await api.send('PATCH', `${pods}/q`, patch);
  });

  test('a pod from before may be changed where no other code gets to run', async () => {
    const api = await start({});
    await api.send('POST', pods, { body: pod('p', privileged) });
    const patch = (url: string, body: object) =>
      api.send('PATCH', url, { body, contentType: 'application/merge-patch+json' });
    await patch('/api/v1/namespaces/safe', {
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
    });
    await patch(`${pods}/p`, { metadata: { annotations: { a: 'b' } }, spec: { activeDeadlineSeconds: 9 } });
    const image = [{ op: 'replace', path: '/spec/containers/0/image', value: 'other' }];
    const other = api.send('PATCH', `${pods}/p`, { body: image, contentType: 'application/json-patch+json' });
    await assert.rejects(other, { code: 403, message: /violates PodSecurity/ });
  });

  test('a workload is warned about, its pods are refused', async () => {
    const api = await start({ 'pod-security.kubernetes.io/warn': 'restricted' });
    const spec = {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container()] } },
    };
    const url = '/apis/apps/v1/namespaces/safe/deployments';
    const { warnings } = await api.answer('POST', url, { body: { metadata: { name: 'd' }, spec } });
    assert.match(warnings!.join(), /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
  });

  test('labels must be readable, and a stricter level names the pods that it would refuse', async () => {
    const api = await start({});
    const label = (level: string) =>
      api.answer('PATCH', '/api/v1/namespaces/safe', {
        body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': level } } },
        contentType: 'application/merge-patch+json',
      });
    await assert.rejects(label('strict'), {
      code: 422,
      message: /Invalid value: "strict": must be one of privileged, baseline, restricted$/,
    });
    for (const name of ['a', 'b']) await api.send('POST', pods, { body: pod(name, privileged) });
    await api.context.store.cache.waitConsistent();
    assert.deepEqual((await label('baseline')).warnings, [
      'existing pods in namespace "safe" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): privileged',
    ]);
    assert.deepEqual((await label('privileged')).warnings, []);
  });
});
