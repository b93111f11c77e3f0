// What pods are refused for, after the tables of Kubernetes' own validation tests (pkg/apis/core/validation).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../../machinery/decode.ts';
import { cloneJson, deepFreeze } from '../../../machinery/json.ts';
import {
  container,
  labelText,
  labelValueText,
  makePod,
  namePartText,
  refusalTable,
  shown,
  subdomainText,
} from '../../../test/builders/refusal-table.ts';
import { DeploymentKind } from '../../apps/deployment.ts';
import { type Pod, PodKind } from '../pod.ts';

describe('containers', () => {
  const inContainer = (part: object) => ({ containers: [{ ...container, ...part }] });
  const field = (fieldPath: string) => ({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath } } }] });
  const resource = (resourceFieldRef: object) => ({ env: [{ name: 'A', valueFrom: { resourceFieldRef } }] });
  const divisors =
    "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the";
  refusalTable('environment', 'spec.containers[0].', inContainer, [
    [field("metadata.annotations['A/b']")],
    [field("metadata.labels['-']"), `env[0].valueFrom.fieldRef: Invalid value: "-": ${namePartText}`],
    [
      field("metadata.name['a']"),
      "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name['a']\": error converting fieldPath: field label does not support subscript: metadata.name['a']",
    ],
    [field('spec.host')],
    [
      { env: [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v2', fieldPath: 'metadata.name' } } }] },
      'env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
    ],
    [
      resource({ resource: 'limits.ephemeral-storage', divisor: '2' }),
      `env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.ephemeral-storage": ${divisors} local ephemeral storage resource`,
    ],
    [
      resource({ resource: 'limits.hugepages-2Mi', divisor: '3' }),
      `env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.hugepages-2Mi": ${divisors} hugepages resource`,
    ],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { key: 'k' } } }] },
      `env[0].valueFrom.configMapKeyRef.name: Invalid value: "": ${subdomainText}`,
    ],
    [
      { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: '../x', key: 'k' } } }] },
      'env[0].valueFrom.fileKeyRef.path: Invalid value: "../x": must not contain \'..\'',
    ],
    [{ envFrom: [{}] }, 'envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
    [{ envFrom: [{ configMapRef: { name: 'a-' } }] }],
    [{ envFrom: [{ secretRef: { name: '$' } }] }, `envFrom[0].secretRef.name: Invalid value: "$": ${subdomainText}`],
  ]);

  const rule = { action: 'Restart', exitCodes: { operator: 'In', values: [1] } };
  refusalTable('restarts, resizes, resources', 'spec.containers[0].', inContainer, [
    [
      { restartPolicy: 'Never', restartPolicyRules: [{ exitCodes: { values: [1] } }] },
      'restartPolicyRules[0].exitCodes.operator: Unsupported value: "": supported values: "In", "NotIn"',
      'restartPolicyRules[0].action: Unsupported value: "": supported values: "Restart", "RestartAllContainers"',
    ],
    [
      { restartPolicy: 'Never', restartPolicyRules: Array(21).fill(rule) },
      'restartPolicyRules: Too many: 21: must have at most 20 items',
    ],
    [
      {
        restartPolicy: 'Never',
        restartPolicyRules: [{ ...rule, exitCodes: { operator: 'In', values: Array(256).fill(0) } }],
      },
      'restartPolicyRules[0].exitCodes.values: Too many: 256: must have at most 255 items',
    ],
    [
      { resizePolicy: [{ resourceName: 'gpu', restartPolicy: 'X' }] },
      'resizePolicy: Unsupported value: "gpu": supported values: "cpu", "memory"',
      'resizePolicy: Unsupported value: "X": supported values: "NotRequired", "RestartContainer"',
    ],
    [
      { resources: { requests: { 'hugepages-2Mi': '1Mi', cpu: '1' }, limits: { 'hugepages-2Mi': '1Mi' } } },
      'resources.limits[hugepages-2Mi]: Invalid value: "1Mi": 1Mi is not positive integer multiple of hugepages-2Mi',
      'resources.requests[hugepages-2Mi]: Invalid value: "1Mi": 1Mi is not positive integer multiple of hugepages-2Mi',
    ],
    [{ resources: { limits: { 'x.kubernetes.io/a': '500m' } } }],
    [
      { resources: { limits: { 'requests.x.io/a': '1' } } },
      'resources.limits[requests.x.io/a]: Invalid value: "requests.x.io/a": doesn\'t follow extended resource name standard',
      'resources.requests[requests.x.io/a]: Invalid value: "requests.x.io/a": doesn\'t follow extended resource name standard',
    ],
    [{ resources: { claims: [{ name: '' }] } }, 'resources.claims[0]: Required value'],
    [
      { resources: { claims: [{ name: 'a' }] } },
      'resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
    [
      { terminationMessagePolicy: 'X' },
      'terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"',
    ],
  ]);
  refusalTable(
    'claims',
    'spec.',
    (claims) => ({
      resourceClaims: [{ name: 'a', resourceClaimName: 'x' }],
      ...inContainer({ resources: { claims } }),
    }),
    [
      [
        [
          { name: 'a', request: 'r' },
          { name: 'a', request: 's' },
        ],
      ],
      [
        [
          { name: 'a', request: 'r' },
          { name: 'a', request: 'r' },
        ],
        'containers[0].resources.claims[1]: Duplicate value: "a/r"',
      ],
      [[{ name: 'a' }, { name: 'a', request: 'r' }], 'containers[0].resources.claims[1]: Duplicate value: "a"'],
      [[{ name: 'a', request: 'r' }, { name: 'a' }], 'containers[0].resources.claims[1]: Duplicate value: "a"'],
      [
        [{ name: 'b' }],
        'containers[0].resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a',
      ],
    ],
  );
  refusalTable('claims of the pod', 'spec.resourceClaims[0]', (claim) => ({ resourceClaims: [claim] }), [
    [{ name: '../a', resourceClaimName: 'x' }, `.name: Invalid value: "../a": ${labelText}`],
    [
      { name: 'a' },
      ': Invalid value: {"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
    ],
    [{ name: 'a', resourceClaimName: 'A' }, `.resourceClaimName: Invalid value: "A": ${subdomainText}`],
  ]);
  refusalTable('others', 'spec.', (spec) => spec, [
    [
      {
        restartPolicy: 'Never',
        containers: [{ ...container, resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }],
      },
      "containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'",
    ],
    [{ initContainers: [{ ...container, name: 'i', ports: [{ containerPort: 1, hostPort: 2 }] }], hostNetwork: true }],
    [
      { ephemeralContainers: [{ ...container, name: 'e', lifecycle: {} }] },
      'ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container',
      'ephemeralContainers: Forbidden: cannot be set on create',
    ],
    [
      { containers: [{ ...container, image: ' i' }] },
      'containers[0].image: Invalid value: " i": must not have leading or trailing whitespace',
    ],
    [
      { initContainers: [{ ...container, name: 'i', lifecycle: { postStart: { exec: { command: ['a'] } } } }] },
      'initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ]);
});

describe('the spec', () => {
  const affinityOf = (key: string, values: string[]) => ({
    nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values }] }],
  });
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  const spread = { maxSkew: 1, topologyKey: 'k', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} };
  refusalTable('placement', 'spec.', (spec) => spec, [
    [
      { affinity: { nodeAffinity: { [required]: affinityOf('a', ['-1']) } } },
      `affinity.nodeAffinity.${required}.nodeSelectorTerms[0].matchExpressions[0].values[0]: Invalid value: "-1": ${labelValueText}`,
    ],
    [
      {
        affinity: {
          nodeAffinity: { [preferred]: [{ weight: 1, preference: affinityOf('a', ['-1']).nodeSelectorTerms[0] }] },
        },
      },
    ],
    [
      { affinity: { podAffinity: { [required]: [{ topologyKey: '' }] } } },
      `affinity.podAffinity.${required}[0].topologyKey: Required value: can not be empty`,
      `affinity.podAffinity.${required}[0].topologyKey: Invalid value: "": name part must be non-empty`,
      `affinity.podAffinity.${required}[0].topologyKey: Invalid value: "": ${namePartText}`,
    ],
    [
      {
        affinity: {
          podAffinity: {
            [required]: [{ topologyKey: 'k', labelSelector: {}, matchLabelKeys: ['a'], mismatchLabelKeys: ['a'] }],
          },
        },
      },
      `affinity.podAffinity.${required}[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys`,
    ],
    [
      { topologySpreadConstraints: [spread, spread] },
      'topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{k, DoNotSchedule}"',
    ],
    [{ topologySpreadConstraints: [{ ...spread, topologyKey: '-' }] }],
    [
      { topologySpreadConstraints: [{ ...spread, whenUnsatisfiable: '' }] },
      'topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    [
      { topologySpreadConstraints: [{ ...spread, matchLabelKeys: ['a'], labelSelector: { matchLabels: { a: 'b' } } }] },
      'topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector',
    ],
  ]);

  const sysctl = (name: string) => ({ sysctls: [{ name, value: '1' }] });
  refusalTable('security', 'spec.', (spec) => spec, [
    [
      { hostNetwork: true, securityContext: sysctl('net.ipv4.ip_forward') },
      'securityContext.sysctls[0].name: Invalid value: "net.ipv4.ip_forward": may not be specified when \'hostNetwork\' is true',
    ],
    [
      { hostIPC: true, securityContext: sysctl('kernel/shm_rmid_forced') },
      'securityContext.sysctls[0].name: Invalid value: "kernel/shm_rmid_forced": may not be specified when \'hostIPC\' is true',
    ],
    [
      { hostPID: true, shareProcessNamespace: true },
      'securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
    ],
    [
      { securityContext: { seccompProfile: { type: 'Unconfined', localhostProfile: 'x' } } },
      'securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"Unconfined","LocalhostProfile":"x"}: can only be set when seccomp type is Localhost',
    ],
    [
      { securityContext: { seccompProfile: {} } },
      'securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set',
    ],
    [
      { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'a'.repeat(4096) } } },
      'securityContext.appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes',
    ],
    [
      { os: { name: 'linux' }, securityContext: { windowsOptions: {} } },
      'securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
    ],
    [
      {
        os: { name: 'windows' },
        hostPID: true,
        securityContext: { runAsUser: 1 },
        containers: [{ ...container, securityContext: { privileged: true } }],
      },
      'hostPID: Forbidden: cannot be set for a windows pod',
      'securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
      'containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
    ],
    [{ os: { name: 'bsd' } }, 'os: Unsupported value: "bsd": supported values: "linux", "windows"'],
    [
      { securityContext: { windowsOptions: { hostProcess: true } } },
      'hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
    [
      {
        hostNetwork: true,
        containers: [
          { ...container, securityContext: { windowsOptions: { hostProcess: true } } },
          { ...container, name: 'd' },
        ],
      },
      'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
    ],
    [
      { securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } },
      'securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
    ],
    [
      { securityContext: { windowsOptions: { runAsUserName: '...' } } },
      'securityContext.windowsOptions.runAsUserName: Invalid value: "...": runAsUserName\'s User cannot contain only periods or spaces',
    ],
  ]);

  refusalTable('other fields', 'spec.', (spec) => spec, [
    [
      { hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', '$'] }] },
      `hostAliases[0].hostnames[1]: Invalid value: "$": ${subdomainText}`,
    ],
    [{ runtimeClassName: '' }, `runtimeClassName: Invalid value: "": ${subdomainText}`],
    [{ preemptionPolicy: '' }, 'preemptionPolicy: Required value'],
    [
      { dnsPolicy: 'X' },
      'dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
    [{ overhead: { 'x.io/a': '500m' } }, 'overhead.limits[x.io/a]: Invalid value: "500m": must be an integer'],
    [
      { resources: { limits: { foo: '1' } } },
      'resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
    ],
    [
      { resources: { claims: [{ name: 'a' }] } },
      'resources.claims: Forbidden: claims cannot be set for Resources at pod-level',
      'resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
    [
      {
        resources: { requests: { cpu: '1' } },
        containers: [{ ...container, resources: { requests: { cpu: '1500m' } } }],
      },
      'resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 1500m',
    ],
    [
      {
        resources: { limits: { cpu: '1' } },
        containers: [{ ...container, resources: { limits: { cpu: '2' }, requests: { cpu: '1' } } }],
      },
      'resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1',
    ],
    [
      { schedulingGates: [{ name: 'a' }], nodeName: 'n' },
      'nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ],
  ]);

  test('annotations of containers name what the fields say', () => {
    const errorsOf = (annotations: object, spec: object = {}) =>
      shown(PodKind.validate!(deepFreeze(makePod({ containers: [container], ...spec }, { annotations }))));
    const seccomp = 'container.seccomp.security.alpha.kubernetes.io/c';
    const appArmor = 'container.apparmor.security.beta.kubernetes.io/';
    const at = 'metadata.annotations';
    assert.deepEqual(errorsOf({ [seccomp]: 'x' }), [
      `${at}.${seccomp}: Invalid value: "x": must be a valid seccomp profile`,
    ]);
    assert.deepEqual(errorsOf({ [seccomp]: 'localhost/../a' }), [
      `${at}.${seccomp}: Invalid value: "../a": must not contain '..'`,
    ]);
    assert.deepEqual(errorsOf({ [`${appArmor}d`]: 'unconfined' }), [
      `${at}[${appArmor}d]: Invalid value: "d": container not found`,
    ]);
    assert.deepEqual(errorsOf({ [`${appArmor}c`]: 'bad' }), [
      `${at}[${appArmor}c]: Invalid value: "bad": invalid AppArmor profile name: "bad"`,
    ]);
    const unconfined = { securityContext: { appArmorProfile: { type: 'Unconfined' } } };
    assert.deepEqual(errorsOf({ [`${appArmor}c`]: 'runtime/default' }, unconfined), [
      'spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match',
    ]);
  });
});

test('a template takes what a pod gets only when it is made', () => {
  const errorsOf = (spec: object, metadata: object = {}) => {
    const template = { metadata: { labels: { a: 'b' }, ...metadata }, spec };
    const body = { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
    const draft = decodeValue(DeploymentKind.storage.schema, body).value as any;
    DeploymentKind.storage.setDefaults?.(draft);
    return shown(DeploymentKind.validate!(draft));
  };
  const at = 'spec.template.spec.containers[0].ports[0].hostPort';
  assert.deepEqual(
    errorsOf({ hostNetwork: true, containers: [{ ...container, image: ' i', ports: [{ containerPort: 80 }] }] }),
    [],
  );
  assert.deepEqual(
    errorsOf({ hostNetwork: true, containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 81 }] }] }),
    [`${at}: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`],
  );
  assert.match(
    errorsOf({ containers: [container] }, { labels: { a: 'b', '-': '' } }).join(),
    /^spec\.template\.labels: /,
  );
});

describe('updates', () => {
  const change = (old: Pod, edit: (pod: any) => void) => {
    const next = cloneJson(old);
    edit(next);
    return shown(PodKind.validateUpdate!(next, deepFreeze(old))).map((e) => e.split('\n')[0]);
  };
  const term = (...values: string[]) => ({ matchExpressions: [{ key: 'a', operator: 'In', values }] });
  const affinity = (...nodeSelectorTerms: object[]) => ({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  });
  const gated = (spec: object = {}) => makePod({ containers: [container], schedulingGates: [{ name: 'g' }], ...spec });

  test('a gated pod may be narrowed to fewer nodes', () => {
    const at = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
    const narrower = { matchExpressions: [...term('x').matchExpressions, { key: 'b', operator: 'Exists' }] };
    const set = (value: object) => (pod: any) => Object.assign(pod.spec, { affinity: value });
    assert.deepEqual(change(gated(), set(affinity(term('x')))), []);
    assert.deepEqual(change(gated({ affinity: affinity(term('x')) }), set(affinity(narrower))), []);
    assert.deepEqual(change(gated({ affinity: affinity(term('x')) }), set(affinity(term('y')))), [
      `${at}[0]: Invalid value: {"MatchExpressions":[{"Key":"a","Operator":"In","Values":["y"]}],"MatchFields":null}: only additions are allowed (no mutations or deletions)`,
    ]);
    assert.deepEqual(change(gated({ affinity: affinity(term('x')) }), set({})), [
      `${at}: Invalid value: null: no additions/deletions to non-empty NodeSelectorTerms list are allowed`,
    ]);
  });

  test('containers, images, deadlines', () => {
    const old = makePod({ containers: [container], activeDeadlineSeconds: 5 });
    const path = 'spec.containers';
    assert.deepEqual(
      change(old, (pod) => pod.spec.containers.pop()),
      [`${path}: Forbidden: pod updates may not add or remove containers`],
    );
    assert.deepEqual(
      change(old, (pod) => Object.assign(pod.spec.containers[0], { image: 'i ' })),
      [`${path}[0].image: Invalid value: "i ": must not have leading or trailing whitespace`],
    );
    assert.deepEqual(
      change(old, (pod) => delete pod.spec.activeDeadlineSeconds),
      ['spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value'],
    );
  });

  test('a status of a pod whose containers may all begin anew', () => {
    const ended = { name: 'c', state: { terminated: { exitCode: 0 } } };
    const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }];
    const containers = [container, { ...container, name: 'd', restartPolicy: 'Never', restartPolicyRules }];
    const old = makePod({ containers, restartPolicy: 'Never' }, {}, { containerStatuses: [ended] });
    const containerStatuses = [{ ...ended, state: { waiting: {} } }];
    const next = { ...cloneJson(old), status: { ...old.status, containerStatuses } } as Pod;
    assert.deepEqual(shown(PodKind.validateStatusUpdate!(next, old)), []);
  });

  test('a status', () => {
    const ended = { name: 'c', state: { terminated: { exitCode: 1 } } };
    const old = makePod(
      { containers: [container], restartPolicy: 'Never' },
      {},
      { initContainerStatuses: [ended], ephemeralContainerStatuses: [ended] },
    );
    const errorsOf = (status: object) => {
      const next = { ...cloneJson(old), status: { ...status, qosClass: 'BestEffort' } } as Pod;
      return shown(PodKind.validateStatusUpdate!(next, old));
    };
    const revived = [{ ...ended, state: {} }];
    const table: [object, ...string[]][] = [
      [
        { initContainerStatuses: revived, ephemeralContainerStatuses: revived },
        'status.initContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
        'status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
      ],
      [{ nominatedNodeName: 'A' }, `status.nominatedNodeName: Invalid value: "A": ${subdomainText}`],
      [
        { podIPs: [{ ip: 'x' }] },
        'status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
      [
        { podIPs: [{ ip: '1.1.1.1' }, { ip: '1.1.1.2' }] },
        'status.podIPs: Invalid value: [{"IP":"1.1.1.1"},{"IP":"1.1.1.2"}]: may specify no more than one IP for each IP family',
      ],
      [
        { hostIP: '1.1.1.1', hostIPs: [{ ip: '1.1.1.2' }] },
        'status.hostIPs[0].ip: Invalid value: "1.1.1.2": must be equal to `hostIP`',
      ],
      [
        { resourceClaimStatuses: [{ name: 'x' }] },
        'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
      ],
    ];
    for (const [status, ...want] of table) assert.deepEqual(errorsOf(status), want, JSON.stringify(status));
  });
});

test('very many mistakes are told as few are', () => {
  const env = Array.from({ length: 150_000 }, () => ({ name: '' }));
  assert.equal(PodKind.validate!(makePod({ containers: [{ ...container, env }] })).length, env.length);
});
