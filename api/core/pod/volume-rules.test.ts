// What volumes of pods are refused for, after the tables of Kubernetes' own validation tests (pkg/apis/core/validation).
import { describe } from 'node:test';
import { container, refusalTable, subdomainText } from '../../../test/builders/refusal-table.ts';

describe('volumes', () => {
  const inVolume = (source: object) => ({ volumes: [{ name: 'v', ...source }] });
  const iscsi = { targetPortal: '127.0.0.1', iqn: 'iqn.2015-02.example.com:test', lun: 1 };
  const azure = { diskName: 'd', diskURI: 'https://a.blob.core.windows.net/c/d.vhd' };
  refusalTable('sources', 'spec.volumes[0].', inVolume, [
    [{ hostPath: { path: '' } }, 'hostPath.path: Required value'],
    [{ gitRepo: { repository: '' } }, 'gitRepo.repository: Required value'],
    [
      { gitRepo: { repository: 'r', directory: '/d' } },
      'gitRepo.directory: Invalid value: "/d": must be a relative path',
    ],
    [
      { gitRepo: { repository: 'r', directory: 'a/../b' } },
      'gitRepo.directory: Invalid value: "a/../b": must not contain \'..\'',
    ],
    [{ gitRepo: { repository: 'r', directory: '..a' } }],
    [
      { gcePersistentDisk: { pdName: 'd', partition: 256 } },
      'persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
    ],
    [
      { awsElasticBlockStore: { volumeID: '', partition: -1 } },
      'awsElasticBlockStore.volumeID: Required value',
      'awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive',
    ],
    [
      { nfs: { server: 's', path: '' } },
      'nfs.path: Required value',
      'nfs.path: Invalid value: "": must be an absolute path',
    ],
    [{ iscsi }],
    [{ iscsi: { ...iscsi, iqn: 'eui.0123456789ABCDEF' } }],
    [{ iscsi: { ...iscsi, iqn: 'naa.62004567BA64678D0123456789ABCDEF' } }],
    [
      { iscsi: { ...iscsi, targetPortal: '', iqn: '' } },
      'iscsi.iqn: Required value',
      'iscsi.targetPortal: Required value',
    ],
    [
      { iscsi: { ...iscsi, iqn: '2015-02.example.com:test' } },
      'iscsi.iqn: Invalid value: "2015-02.example.com:test": must be valid format starting with iqn, eui, or naa',
    ],
    [
      { iscsi: { ...iscsi, iqn: 'iqn.2015-02.example.com' } },
      'iscsi.iqn: Invalid value: "iqn.2015-02.example.com": must be valid format',
    ],
    [
      { iscsi: { ...iscsi, iqn: 'eui.0123456789ABCDEFGHIJ' } },
      'iscsi.iqn: Invalid value: "eui.0123456789ABCDEFGHIJ": must be valid format',
    ],
    [{ iscsi: { ...iscsi, lun: 256 } }, 'iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive'],
    [{ iscsi: { ...iscsi, chapAuthDiscovery: true } }, 'iscsi.secretRef: Required value'],
    [
      { iscsi: { ...iscsi, initiatorName: 'x' } },
      'iscsi.initiatorname: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
    ],
    [
      { iscsi: { ...iscsi, targetPortal: 'a'.repeat(64), initiatorName: iscsi.iqn } },
      'name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
    ],
    [{ flocker: {} }, 'flocker: Required value: one of datasetName and datasetUUID is required'],
    [
      { flocker: { datasetName: 'a', datasetUUID: 'b' } },
      'flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
    ],
    [{ flocker: { datasetName: 'a/b' } }, 'flocker.datasetName: Invalid value: "a/b": must not contain \'/\''],
    [{ cinder: { volumeID: 'v', secretRef: {} } }, 'cinder.secretRef.name: Required value'],
    [{ quobyte: { registry: 'registry:7861', volume: 'v', tenant: 't' } }],
    [
      { quobyte: { registry: '', volume: '' } },
      'quobyte.registry: Required value: must be a host:port pair or multiple pairs separated by commas',
      'quobyte.volume: Required value',
    ],
    [
      { quobyte: { registry: 'reg:1,reg2', volume: 'v' } },
      'quobyte.registry: Invalid value: "reg:1,reg2": must be a host:port pair or multiple pairs separated by commas',
    ],
    [
      { quobyte: { registry: 'r:1', volume: 'v', tenant: 'x'.repeat(65) } },
      'quobyte.tenant: Required value: must be a UUID and may not exceed a length of 64 characters',
    ],
    [{ fc: {} }, 'fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both'],
    [
      { fc: { targetWWNs: ['a'], wwids: ['b'], lun: 0 } },
      'fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
    ],
    [{ fc: { targetWWNs: ['a'] } }, 'fc.lun: Required value: lun is required if targetWWNs is specified'],
    [{ fc: { targetWWNs: ['a'], lun: 256 } }, 'fc.lun: Invalid value: 256: must be between 0 and 255, inclusive'],
    [
      { flexVolume: { driver: 'd', options: { 'a.kubernetes.io/x': '', 'x.example/kubernetes.io': '' } } },
      'flexVolume.options[a.kubernetes.io/x]: Invalid value: "a.kubernetes.io/x": kubernetes.io and k8s.io namespaces are reserved',
    ],
    [{ azureDisk: azure }],
    [
      { azureDisk: { ...azure, kind: 'Managed' } },
      'azureDisk.diskURI: Unsupported value: "https://a.blob.core.windows.net/c/d.vhd": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
    ],
    [
      { azureDisk: { ...azure, cachingMode: 'X' } },
      'azureDisk.cachingMode: Unsupported value: "X": supported values: "None", "ReadOnly", "ReadWrite"',
    ],
    [{ storageos: {} }, 'storageos.volumeName: Required value'],
    [
      { storageos: { volumeName: 'v', volumeNamespace: 'a.b' } },
      'storageos.volumeNamespace: Invalid value: "a.b": must not contain dots',
    ],
    [{ scaleIO: { gateway: 'g', system: 's' } }, 'scaleIO.volumeName: Required value'],
    [{ csi: { driver: '' } }, 'csi.driver: Required value', `csi.driver: Invalid value: "": ${subdomainText}`],
    [
      { csi: { driver: 'test-driver', nodePublishSecretRef: { name: 'A' } } },
      `csi.name: Invalid value: "A": ${subdomainText}`,
    ],
    [
      { emptyDir: {}, cephfs: { monitors: ['a'] }, awsElasticBlockStore: { volumeID: 'x' } },
      'awsElasticBlockStore: Forbidden: may not specify more than 1 volume type',
      'cephFS: Forbidden: may not specify more than 1 volume type',
    ],
    [{ image: { reference: '' } }, 'image.reference: Required value'],
  ]);

  const projected = (...sources: object[]) => inVolume({ projected: { sources } });
  const token = { serviceAccountToken: { path: 'token' } };
  refusalTable(
    'projections',
    'spec.volumes[0].projected',
    (sources) => ({ serviceAccountName: 'sa', ...projected(...sources) }),
    [
      [[{}, token]],
      [[{ serviceAccountToken: { path: '' } }], '.path: Required value'],
      [[{ serviceAccountToken: { path: '../token' } }], '.path: Invalid value: "../token": must not contain \'..\''],
      [
        [{ secret: { name: 's' }, configMap: { name: 'c' } }],
        '.sources[0]: Forbidden: may not specify more than 1 volume type per source',
      ],
      [
        [
          { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
          { configMap: { name: 'm', items: [{ key: 'k', path: 'p' }] } },
        ],
        ': Invalid value: "m": conflicting duplicate paths',
      ],
      [
        [{ clusterTrustBundle: { path: '/b', name: 'n' } }],
        '.sources[0].clusterTrustBundle.path: Invalid value: "/b": must be a relative path',
      ],
      [
        [{ clusterTrustBundle: { path: 'b', name: 'n', labelSelector: {} } }],
        '.sources[0].clusterTrustBundle.labelSelector: Invalid value: {}: labelSelector must be unset if name is specified',
      ],
      [
        [{ clusterTrustBundle: { path: 'b', name: 'a' } }, { clusterTrustBundle: { path: 'b', name: 'c' } }],
        ': Invalid value: "b": conflicting duplicate paths',
      ],
    ],
  );
  refusalTable('tokens are of an account', 'spec.volumes[0].projected', projected, [
    [token, '.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set'],
  ]);

  const mounted = (part: object) => ({
    volumes: [
      { name: 'e', emptyDir: {} },
      { name: 'claim', persistentVolumeClaim: { claimName: 'x' } },
      { name: 'bad', nfs: { server: 's', path: 'x' } },
    ],
    containers: [{ ...container, ...part }],
  });
  const badVolume = 'spec.volumes[2].nfs.path: Invalid value: "x": must be an absolute path';
  refusalTable('mounts and devices', 'spec.containers[0].', mounted, [
    [{ volumeMounts: [{ name: 'bad', mountPath: '/b' }] }, badVolume, 'volumeMounts[0].name: Not found: "bad"'],
    [
      { volumeMounts: [{ name: 'e', mountPath: '/b', subPath: '/x' }] },
      badVolume,
      'volumeMounts.subPath: Invalid value: "/x": must be a relative path',
    ],
    [
      { volumeMounts: [{ name: 'e', mountPath: '/b', subPathExpr: '../x' }] },
      badVolume,
      'volumeMounts.subPathExpr: Invalid value: "../x": must not contain \'..\'',
    ],
    [
      { volumeMounts: [{ name: 'e', mountPath: '/b', mountPropagation: 'Bidirectional' }] },
      badVolume,
      'volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
    ],
    [
      {
        volumeMounts: [
          { name: 'e', mountPath: '/b', recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' },
        ],
      },
      badVolume,
      'volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
      'volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified',
    ],
    [
      { volumeDevices: [{ name: 'claim', devicePath: '/a/../b' }] },
      badVolume,
      'volumeDevices[0].devicePath: Invalid value: "/a/../b": can not contain backsteps (\'..\')',
    ],
    [
      { volumeMounts: [{ name: 'claim', mountPath: '/b' }], volumeDevices: [{ name: 'claim', devicePath: '/b' }] },
      badVolume,
      'volumeMounts[0].name: Invalid value: "claim": must not already exist in volumeDevices',
      'volumeMounts[0].mountPath: Invalid value: "/b": must not already exist as a path in volumeDevices',
      'volumeDevices[0].name: Invalid value: "claim": must not already exist in volumeMounts',
      'volumeDevices[0].devicePath: Invalid value: "/b": must not already exist as a path in volumeMounts',
    ],
  ]);
});
