// What writers of kinds are warned of, beside those of pods and their templates (core/pod/warnings.test.ts), after the
// tables of pkg/api/{service,persistentvolume,node,storage,job} and of strategies under pkg/registry.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { decodeValue } from '../machinery/decode.ts';
import { deepFreeze } from '../machinery/json.ts';
import { makeCa } from '../test/builders/certificate-request.ts';
import { kinds } from './index.ts';

const old = 'beta.kubernetes.io/arch';
const isOld = 'deprecated since v1.14; use "kubernetes.io/arch" instead';
const enforce = { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } };
const ofClass = { annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } };
const classText =
  'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead';
const written = 'should be in RFC 5952 canonical format';
const indexed = { completionMode: 'Indexed', completions: 100_001, parallelism: 10_001 };
const many =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';

const table: [kind: string, body: object, ...want: string[]][] = [
  ['Service', { spec: { type: 'ClusterIP', externalIPs: [] } }],
  [
    'Service',
    {
      metadata: { annotations: { 'service.kubernetes.io/topology-aware-hints': 'auto' } },
      spec: { clusterIP: 'None', loadBalancerIP: '1.2.3.4', externalIPs: ['1.2.3.4'], sessionAffinity: 'ClientIP' },
    },
    'spec.loadBalancerIP is ignored for headless services',
    'spec.externalIPs is ignored for headless services',
    'spec.SessionAffinity is ignored for headless services',
    'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
  ],
  [
    'Service',
    { spec: { externalIPs: ['2001:db8::0:1'], externalName: 'x', trafficDistribution: 'PreferClose' } },
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    'spec.externalName is ignored when spec.type is not "ExternalName"',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    `spec.externalIPs[0]: IPv6 address "2001:db8::0:1" ${written} ("2001:db8::1")`,
  ],
  [
    'Service',
    { spec: { type: 'ExternalName', externalName: 'x', externalIPs: ['1.2.3.4'] } },
    'spec.externalIPs is ignored when spec.type is "ExternalName"',
  ],
  [
    'Service',
    { spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '2001:DB8::/64'] } },
    `spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "2001:DB8::/64" ${written} ("2001:db8::/64")`,
  ],
  [
    'NetworkPolicy',
    { spec: { egress: [{ to: [{ podSelector: {} }, { ipBlock: { cidr: '2001:DB8::/64', except: ['::0/96'] } }] }] } },
    `spec.egress[0].to[1].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/64" ${written} ("2001:db8::/64")`,
    `spec.egress[0].to[1].ipBlock.except[0]: IPv6 CIDR value "::0/96" ${written} ("::/96")`,
  ],
  [
    'Endpoints',
    { subsets: [{ addresses: [{ ip: '1.2.3.4' }], notReadyAddresses: [{ ip: '::0' }] }] },
    `subsets[0].notReadyAddresses[0].ip: IPv6 address "::0" ${written} ("::")`,
  ],
  [
    'EndpointSlice',
    { addressType: 'FQDN', endpoints: [{ addresses: ['a.b'] }] },
    'spec.addressType: FQDN endpoints are deprecated',
  ],
  [
    'PersistentVolume',
    {
      metadata: ofClass,
      spec: {
        persistentVolumeReclaimPolicy: 'Recycle',
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: old, operator: 'Exists' }] }] } },
        flocker: {},
        storageos: {},
        rbd: {},
      },
    },
    classText,
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    `spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: ${old} is ${isOld}`,
    'spec.storageOS: deprecated in v1.22, non-functional in v1.25+',
    'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
  ],
  [
    'PersistentVolumeClaim',
    { metadata: ofClass, spec: { resources: { requests: { storage: '1500m' } } } },
    classText,
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ],
  [
    'Node',
    { spec: { configSource: {}, externalID: 'x' } },
    'spec.configSource: the feature is removed',
    'spec.externalID: this field is deprecated, and is unused by Kubernetes',
  ],
  [
    'StorageClass',
    { provisioner: 'x', allowedTopologies: [{ matchLabelExpressions: [{ key: old, values: [] }] }] },
    `allowedTopologies[0].matchLabelExpressions[0].key: ${isOld}`,
  ],
  [
    'CSIStorageCapacity',
    { nodeTopology: { matchLabels: { [old]: '' }, matchExpressions: [{ key: old, operator: 'Exists' }] } },
    `nodeTopology.matchExpressions[0].key: ${old} is ${isOld}`,
    `nodeTopology.matchLabels.${old}: ${isOld}`,
  ],
  ['RuntimeClass', { scheduling: { nodeSelector: { [old]: '' } } }, `scheduling.nodeSelector: ${isOld}`],
  [
    'ServiceAccount',
    { metadata: enforce },
    'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
  ],
  ['Job', { spec: indexed }, `spec: ${many}`],
  ['Job', { spec: { ...indexed, parallelism: 10_000 } }],
  ['CronJob', { spec: { jobTemplate: { spec: indexed } } }, `spec.jobTemplate.spec: ${many}`],
];
const kindOf = (name: string) => kinds.find(({ kind }) => kind === name)!;

for (const [name, body, ...want] of table)
  test(`${name} ${JSON.stringify(body).slice(0, 60)}`, () => {
    const kind = kindOf(name);
    const { value } = decodeValue(kind.storage.schema, { ...body, metadata: { name: 'x', ...(body as any).metadata } });
    kind.storage.setDefaults?.(value as never);
    assert.deepEqual(kind.warnings!(deepFreeze(value as never)), want);
  });

test('what has been told of before is not told of again', () => {
  const account = { metadata: enforce } as never;
  assert.deepEqual(kindOf('ServiceAccount').warnings!(account, account), []);
  const slice = { addressType: 'FQDN', endpoints: [] } as never;
  assert.deepEqual(kindOf('EndpointSlice').warnings!(slice, slice), []);
});

test('secrets for TLS whose key is not that of the certificate', async () => {
  const { certificatePem: certificate, keyPem: key } = await makeCa(Date.UTC(2026, 0, 1));
  const pemOf = (secret: KeyObject) => secret.export({ format: 'pem', type: 'pkcs8' }).toString();
  const other = pemOf(generateKeyPairSync('ed25519').privateKey);
  const { keyPem: stranger } = await makeCa(Date.UTC(2026, 0, 1));
  const rows: [certificate: string, key: string, ...want: string[]][] = [
    [certificate, key],
    [certificate, createPrivateKey(key).export({ format: 'pem', type: 'sec1' }).toString()],
    ['', '', 'tls: failed to find any PEM data in certificate input'],
    [certificate, 'x', 'tls: failed to find any PEM data in key input'],
    [
      key,
      certificate,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
    ],
    [certificate, certificate, 'tls: found a certificate rather than a key in the PEM for the private key'],
    [
      certificate.replaceAll('CERTIFICATE', 'X'),
      key,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [X]',
    ],
    [certificate, other, 'tls: private key type does not match public key type'],
    [certificate, stranger, 'tls: private key does not match public key'],
    [certificate, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', 'tls: failed to parse private key'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', key, 'x509: malformed certificate'],
  ];
  for (const [crt, pem, ...want] of rows) {
    const data = { 'tls.crt': btoa(crt), 'tls.key': btoa(pem) };
    assert.deepEqual(kindOf('Secret').warnings!({ metadata: {}, type: 'kubernetes.io/tls', data } as never), want);
  }
  assert.deepEqual(kindOf('Secret').warnings!({ metadata: {}, type: 'Opaque', data: {} } as never), []);
});

test('of the secrets of a service account the names are kept', () => {
  const account: any = { metadata: {}, secrets: [{ kind: 'Secret', name: 'a', namespace: 'n' }] };
  kindOf('ServiceAccount').prepareForCreate!(account, { nowMs: 0 });
  assert.deepEqual(account.secrets, [{ name: 'a' }]);
});
