// What sig-storage requires of volumes.
import assert from 'node:assert/strict';
import { requirements, type Space } from './cluster.ts';
import {
  type FileKind,
  fileSource,
  makeFiles,
  outputsOf,
  readAgain,
  startPod,
  teller,
  untilLogged,
} from './volumes.ts';

interface FileCase {
  kind: FileKind;
  isProjected?: boolean;
  /** Path and mode of `data-2`, else all files are there under their names. */
  item?: { path: string; mode?: number };
  defaultMode?: number;
  user?: number;
  fsGroup?: number;
  /** Mode and group as `stat` has them. */
  is?: string;
  mounts?: string[];
}

const mapped = { path: 'path/to/data-2' };
const mapped400 = { ...mapped, mode: 0o400 };
const guarded = { defaultMode: 0o440, user: 1000, fsGroup: 1001, is: '-r--r----- 1001' };
const two = ['/etc/files-1', '/etc/files-2'];
const files: [string, FileCase][] = [
  ['ConfigMap should be consumable from pods in volume [NodeConformance]', { kind: 'configMap' }],
  [
    'ConfigMap should be consumable from pods in volume as non-root [NodeConformance]',
    { kind: 'configMap', user: 1000 },
  ],
  [
    'ConfigMap should be consumable from pods in volume with mappings [NodeConformance]',
    { kind: 'configMap', item: mapped },
  ],
  [
    'ConfigMap should be consumable from pods in volume with mappings as non-root [NodeConformance]',
    { kind: 'configMap', item: mapped, user: 1000 },
  ],
  ['Secrets should be consumable from pods in volume [NodeConformance]', { kind: 'secret' }],
  [
    'Secrets should be consumable from pods in volume as non-root with defaultMode and fsGroup set [LinuxOnly] [NodeConformance]',
    { kind: 'secret', ...guarded },
  ],
  [
    'Secrets should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]',
    { kind: 'secret', defaultMode: 0o400, is: '-r-------- 0' },
  ],
  [
    'Secrets should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly] [NodeConformance]',
    { kind: 'secret', item: mapped400, is: '-r-------- 0' },
  ],
  ['Secrets should be consumable in multiple volumes in a pod [NodeConformance]', { kind: 'secret', mounts: two }],
  [
    'Projected configMap should be consumable from pods in volume [NodeConformance]',
    { kind: 'configMap', isProjected: true },
  ],
  [
    'Projected configMap should be consumable from pods in volume as non-root [NodeConformance]',
    { kind: 'configMap', isProjected: true, user: 1000 },
  ],
  [
    'Projected configMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly] [NodeConformance]',
    { kind: 'configMap', isProjected: true, item: mapped400, is: '-r-------- 0' },
  ],
  [
    'Projected configMap should be consumable from pods in volume with mappings as non-root [NodeConformance]',
    { kind: 'configMap', isProjected: true, item: mapped, user: 1000 },
  ],
  [
    'Projected configMap should be consumable in multiple volumes in the same pod [NodeConformance]',
    { kind: 'configMap', isProjected: true, mounts: two },
  ],
  [
    'Projected secret should be consumable from pods in volume [NodeConformance]',
    { kind: 'secret', isProjected: true },
  ],
  [
    'Projected secret should be consumable from pods in volume as non-root with defaultMode and fsGroup set [LinuxOnly] [NodeConformance]',
    { kind: 'secret', isProjected: true, ...guarded },
  ],
  [
    'Projected secret should be consumable from pods in volume with mappings [NodeConformance]',
    { kind: 'secret', isProjected: true, item: mapped },
  ],
  [
    'Projected secret should be consumable in multiple volumes in a pod [NodeConformance]',
    { kind: 'secret', isProjected: true, mounts: two },
  ],
];

const three = { 'data-1': 'value-1\n', 'data-2': 'value-2\n', 'data-3': 'value-3\n' };

async function checkFiles(space: Space, one: FileCase): Promise<void> {
  await makeFiles(space, one.kind, 'files', three);
  const { kind, item, defaultMode, user, fsGroup, is = '-rw-r--r-- 0', mounts = ['/etc/files'] } = one;
  const items = item && [{ key: 'data-2', ...item }];
  const source = fileSource(kind, one.isProjected === true, 'files', { items, defaultMode });
  const script = (mount: string) => {
    const file = `${mount}/${item?.path ?? 'data-1'}`;
    // Its fields, what is in it; what else there is; nobody writes here. Secrets never reach a disk.
    return `stat -L -c '%A %g' ${file}; cat ${file}; ls ${mount}; readlink ${mount}/${item ? 'path' : 'data-1'}
      touch ${mount}/new 2>&1; stat -f -c %T ${mount}`;
  };
  const pod = teller({
    scripts: { reader: mounts.map(script).join('\n') },
    volumes: Object.fromEntries(mounts.map((mount) => [mount, source])),
    spec: { securityContext: { ...(user && { runAsUser: user }), ...(fsGroup && { fsGroup }) } },
  });
  const [output] = await outputsOf(space, pod);
  const isInMemory = kind === 'secret' || one.isProjected;
  const told = (mount: string) => [
    ...[is, item ? 'value-2' : 'value-1', ...(item ? ['path'] : Object.keys(three))],
    ...[`..data/${item ? 'path' : 'data-1'}`, `touch: ${mount}/new: Read-only file system`],
    ...(isInMemory ? ['tmpfs'] : []),
  ];
  const lines = output!.trimEnd().split('\n');
  assert.deepEqual(isInMemory ? lines : lines.slice(0, -1), mounts.flatMap(told));
}

const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
const ofContainer = (resource: string) => ({ resourceFieldRef: { containerName: 'client-container', resource } });

/** What the node has to give: cores, or bytes. */
async function allocatable(space: Space, resource: 'cpu' | 'memory'): Promise<string> {
  const text: string = (await space.get(`/api/v1/nodes/${space.node}`)).status.allocatable[resource];
  if (resource === 'memory') return String(Number.parseInt(text, 10) * 1024);
  return String(text.endsWith('m') ? Math.ceil(Number.parseInt(text, 10) / 1000) : text);
}

/** What is asked for, what the file has, and whether the container has requests and limits. */
const downward: Record<string, [object, (space: Space) => string | Promise<string>, object?]> = {
  "container's cpu limit": [ofContainer('limits.cpu'), () => '2', { resources }],
  "container's cpu request": [ofContainer('requests.cpu'), () => '1', { resources }],
  "container's memory limit": [ofContainer('limits.memory'), () => '67108864', { resources }],
  "container's memory request": [ofContainer('requests.memory'), () => '33554432', { resources }],
  'node allocatable (cpu)': [ofContainer('limits.cpu'), (space) => allocatable(space, 'cpu')],
  'node allocatable (memory)': [ofContainer('limits.memory'), (space) => allocatable(space, 'memory')],
  'podname only': [{ fieldRef: { fieldPath: 'metadata.name' } }, () => 'teller'],
};
const downwardNames = [
  "Downward API volume should provide container's cpu limit [NodeConformance]",
  "Downward API volume should provide container's cpu request [NodeConformance]",
  "Downward API volume should provide container's memory limit [NodeConformance]",
  "Downward API volume should provide container's memory request [NodeConformance]",
  'Downward API volume should provide node allocatable (cpu) as default cpu limit if the limit is not set [NodeConformance]',
  'Downward API volume should provide node allocatable (memory) as default memory limit if the limit is not set [NodeConformance]',
  'Downward API volume should provide podname only [NodeConformance]',
  "Projected downwardAPI should provide container's cpu limit [NodeConformance]",
  "Projected downwardAPI should provide container's cpu request [NodeConformance]",
  "Projected downwardAPI should provide container's memory limit [NodeConformance]",
  "Projected downwardAPI should provide container's memory request [NodeConformance]",
  'Projected downwardAPI should provide node allocatable (cpu) as default cpu limit if the limit is not set [NodeConformance]',
  'Projected downwardAPI should provide node allocatable (memory) as default memory limit if the limit is not set [NodeConformance]',
  'Projected downwardAPI should provide podname only [NodeConformance]',
];

const downwardSource = (isProjected: boolean, items: object[]) =>
  isProjected ? { projected: { sources: [{ downwardAPI: { items } }] } } : { downwardAPI: { items } };

async function checkDownward(space: Space, name: string): Promise<void> {
  const [, volume, what] = /^(.*) should provide (.*?)( as default.*)? \[/.exec(name)!;
  const [field, content, container] = downward[what!]!;
  const source = downwardSource(volume!.startsWith('Projected'), [{ path: 'told', ...field }]);
  const [output] = await outputsOf(
    space,
    teller({
      scripts: { 'client-container': 'stat -L -c %A /etc/podinfo/told; cat /etc/podinfo/told' },
      volumes: { '/etc/podinfo': source },
      container: container ?? {},
    }),
  );
  assert.equal(output, `-rw-r--r--\n${await content(space)}`);
}

/** Metadata that change while the pod runs. */
const changes: [string, 'labels' | 'annotations', Record<string, string>, Record<string, string>][] = [
  [
    'Downward API volume should update annotations on modification [NodeConformance]',
    ...['annotations', { builder: 'bar' }, { builder: 'foo' }],
  ],
  [
    'Projected downwardAPI should update annotations on modification [NodeConformance]',
    ...['annotations', { builder: 'bar' }, { builder: 'foo' }],
  ],
  [
    'Projected downwardAPI should update labels on modification [NodeConformance]',
    ...['labels', { key1: 'value1', key2: 'value2' }, { key3: 'value3' }],
  ],
] as any;

const lines = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([key, value]) => `${key}="${value}"`)
    .join('\n');

async function checkChange(space: Space, name: string, field: string, before: object, more: object): Promise<void> {
  const path = `/etc/podinfo/${field}`;
  const items = [{ path: field, fieldRef: { fieldPath: `metadata.${field}` } }];
  const pod = await startPod(
    space,
    teller({
      scripts: { 'client-container': readAgain(path) },
      volumes: { '/etc/podinfo': downwardSource(name.startsWith('Projected'), items) },
      metadata: { [field]: before },
    }),
  );
  await untilLogged(space, 'teller', 'client-container', `${lines({ ...before })}\n`);
  pod.metadata[field] = { ...pod.metadata[field], ...more };
  delete pod.metadata.resourceVersion;
  await space.ask('PUT', space.path('/api/v1', 'pods/teller'), { body: pod });
  await untilLogged(space, 'teller', 'client-container', `${lines({ ...before, ...more })}\n`);
}

const emptyDirs = [
  'EmptyDir volumes should support (non-root,0644,default) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (non-root,0644,tmpfs) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (non-root,0666,default) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (non-root,0777,default) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (non-root,0777,tmpfs) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (root,0644,default) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (root,0644,tmpfs) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (root,0666,tmpfs) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes should support (root,0777,tmpfs) [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes volume on default medium should have the correct mode [LinuxOnly] [NodeConformance]',
  'EmptyDir volumes volume on tmpfs should have the correct mode [LinuxOnly] [NodeConformance]',
];
const shownModes: Record<string, string> = { '0644': '-rw-r--r--', '0666': '-rw-rw-rw-', '0777': '-rwxrwxrwx' };

async function checkEmptyDir(space: Space, name: string): Promise<void> {
  const [, mode] = /,(\d+),/.exec(name) ?? [];
  const isInMemory = name.includes('tmpfs');
  const user = name.includes('(non-root') ? 1001 : 0;
  const file = `umask 0; echo mount-tester new file >/test-volume/test-file; chmod ${mode} /test-volume/test-file
    stat -c '%A %u' /test-volume/test-file; cat /test-volume/test-file`;
  const [output] = await outputsOf(
    space,
    teller({
      scripts: { 'test-container': `stat -f -c %T /test-volume; stat -c %A /test-volume${mode ? `; ${file}` : ''}` },
      volumes: { '/test-volume': { emptyDir: isInMemory ? { medium: 'Memory' } : {} } },
      container: { securityContext: { runAsUser: user } },
    }),
  );
  const [type, ofVolume, ...rest] = output!.trimEnd().split('\n');
  assert.equal(type === 'tmpfs', isInMemory, type!);
  // A tmpfs comes with the sticky bit, which the programme does not look at.
  assert.equal(ofVolume, isInMemory ? 'drwxrwxrwt' : 'drwxrwxrwx');
  assert.deepEqual(rest, mode ? [`${shownModes[mode]} ${user}`, 'mount-tester new file'] : []);
}

/** Three optional objects: one that goes, one that changes, one that comes. */
async function checkOptional(space: Space, kind: FileKind): Promise<void> {
  const objects = space.path('/api/v1', `${kind.toLowerCase()}s`);
  await makeFiles(space, kind, 'del', { 'data-1': 'value-1' });
  const updated = await makeFiles(space, kind, 'upd', { 'data-1': 'value-1' });
  const source = (name: string) => fileSource(kind, true, name, { optional: true });
  const paths = { del: '/etc/files/del/data-1', upd: '/etc/files/upd/data-3', create: '/etc/files/create/data-1' };
  await startPod(
    space,
    teller({
      scripts: Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, readAgain(path)])),
      volumes: Object.fromEntries(Object.keys(paths).map((name) => [`/etc/files/${name}`, source(name)])),
    }),
  );
  const missing = (name: 'del' | 'upd' | 'create') => `Error reading file ${paths[name]}`;
  await untilLogged(space, 'teller', 'create', missing('create'));
  await untilLogged(space, 'teller', 'upd', missing('upd'));
  await untilLogged(space, 'teller', 'del', 'value-1');
  await space.ask('DELETE', `${objects}/del`);
  const { resourceVersion, ...metadata } = updated.metadata;
  const data = kind === 'secret' ? { 'data-3': Buffer.from('value-3').toString('base64') } : { 'data-3': 'value-3' };
  await space.ask('PUT', `${objects}/upd`, { body: { ...updated, metadata, data } });
  await makeFiles(space, kind, 'create', { 'data-1': 'value-1' });
  await untilLogged(space, 'teller', 'create', 'value-1');
  await untilLogged(space, 'teller', 'upd', 'value-3');
  await untilLogged(space, 'teller', 'del', missing('del'));
}

requirements({ name: 'conf-volumes', sig: 'sig-storage', images: ['busybox'] }, (requirement) => {
  for (const [name, one] of files) requirement(name, (space) => checkFiles(space, one));
  for (const name of downwardNames) requirement(name, (space) => checkDownward(space, name));
  for (const [name, ...change] of changes) requirement(name, (space) => checkChange(space, name, ...change));
  for (const name of emptyDirs) requirement(name, (space) => checkEmptyDir(space, name));

  requirement('Downward API volume should set mode on item file [LinuxOnly] [NodeConformance]', async (space) => {
    const items = [{ path: 'podname', fieldRef: { fieldPath: 'metadata.name' }, mode: 0o400 }];
    const pod = teller({
      scripts: { c: 'stat -L -c %A /etc/podinfo/podname; cat /etc/podinfo/podname' },
      volumes: { '/etc/podinfo': downwardSource(false, items) },
    });
    assert.deepEqual(await outputsOf(space, pod), ['-r--------\nteller']);
  });

  requirement('ConfigMap binary data should be reflected in volume [NodeConformance]', async (space) => {
    const binaryData = { 'dump.bin': Buffer.from('decafebad0feff', 'hex').toString('base64') };
    await space.ask('POST', space.path('/api/v1', 'configmaps'), {
      body: { metadata: { name: 'files' }, data: { 'data-1': 'value-1' }, binaryData },
    });
    const pod = teller({
      scripts: { text: 'cat /etc/files/data-1', binary: 'hexdump -C /etc/files/dump.bin' },
      volumes: { '/etc/files': fileSource('configMap', false, 'files') },
    });
    const [text, binary] = await outputsOf(space, pod);
    assert.equal(text, 'value-1');
    assert.match(binary!, /de ca fe ba d0 fe ff/);
  });

  requirement('Projected configMap updates should be reflected in volume [NodeConformance]', async (space) => {
    const object = await makeFiles(space, 'configMap', 'files', { 'data-1': 'value-1' });
    await startPod(
      space,
      teller({
        scripts: { reader: readAgain('/etc/files/data-1') },
        volumes: { '/etc/files': fileSource('configMap', true, 'files') },
      }),
    );
    await untilLogged(space, 'teller', 'reader', 'value-1');
    const { resourceVersion, ...metadata } = object.metadata;
    const body = { ...object, metadata, data: { 'data-1': 'value-2' } };
    await space.ask('PUT', space.path('/api/v1', 'configmaps/files'), { body });
    await untilLogged(space, 'teller', 'reader', 'value-2');
  });

  requirement('Projected configMap optional updates should be reflected in volume [NodeConformance]', (space) =>
    checkOptional(space, 'configMap'),
  );
  requirement('Projected secret optional updates should be reflected in volume [NodeConformance]', (space) =>
    checkOptional(space, 'secret'),
  );

  requirement(
    'Projected combined should project all components that make up the projection API [Projection] [NodeConformance]',
    async (space) => {
      await makeFiles(space, 'configMap', 'files', { 'configmap-data': 'configmap-value-1' });
      await makeFiles(space, 'secret', 'files', { 'secret-data': 'secret-value-1' });
      const fields = Object.entries({
        podname: { fieldRef: { fieldPath: 'metadata.name' } },
        cpu_limit: ofContainer('limits.cpu'),
        cpu_request: ofContainer('requests.cpu'),
        memory_limit: ofContainer('limits.memory'),
        memory_request: ofContainer('requests.memory'),
      }).map(([path, field]) => ({ path, ...field }));
      const sources = [
        { downwardAPI: { items: fields } },
        { secret: { name: 'files', items: [{ key: 'secret-data', path: 'secret-data' }] } },
        { configMap: { name: 'files', items: [{ key: 'configmap-data', path: 'configmap-data' }] } },
      ];
      const pod = teller({
        scripts: { 'client-container': 'cd /all; for file in *; do echo $file $(cat $file); done' },
        volumes: { '/all': { projected: { sources } } },
        container: { resources },
      });
      const [output] = await outputsOf(space, pod);
      assert.deepEqual(output!.trimEnd().split('\n'), [
        'configmap-data configmap-value-1',
        'cpu_limit 2',
        'cpu_request 1',
        'memory_limit 67108864',
        'memory_request 33554432',
        'podname teller',
        'secret-data secret-value-1',
      ]);
    },
  );

  requirement(
    'Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace [NodeConformance]',
    async (space) => {
      const other = `${space.namespace}-other`;
      await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: other } } });
      const secret = { metadata: { name: 'files' }, stringData: { 'data-1': 'of the other' } };
      await space.ask('POST', `/api/v1/namespaces/${other}/secrets`, { body: secret });
      await checkFiles(space, { kind: 'secret' });
      await space.ask('DELETE', `/api/v1/namespaces/${other}`);
    },
  );

  requirement('EmptyDir volumes pod should support shared volumes between containers', async (space) => {
    const file = '/usr/share/volumeshare/shareddata.txt';
    await startPod(
      space,
      teller({
        scripts: {
          'busybox-main-container': 'exec sleep 100000',
          'busybox-sub-container': `echo Hello from the busy-box sub-container >${file}; exec sleep 100000`,
        },
        volumes: { '/usr/share/volumeshare': { emptyDir: {} } },
      }),
    );
    const shell = ['exec', 'teller', '--container=busybox-main-container', '--', '/bin/sh', '-c'];
    await space.until('the file is shared', space.path('/api/v1', 'pods/teller'), () => {
      const { code, stdout } = space.kubectl([...shell, `cat ${file}`]);
      return code === 0 && stdout.includes('Hello from the busy-box sub-container');
    });
  });

  requirement('Subpath Atomic writer volumes should support subpaths with configmap pod', async (space) => {
    await makeFiles(space, 'configMap', 'files', { 'configmap-key': 'configmap-value' });
    const pod = teller({ scripts: { reader: 'cat /probe-volume; ls /probe-folder' } });
    pod.spec.volumes = [
      { name: 'map', ...fileSource('configMap', false, 'files') },
      { name: 'mapped', ...fileSource('configMap', true, 'files', { items: [{ key: 'configmap-key', path: 'a/b' }] }) },
    ];
    pod.spec.containers[0].volumeMounts = [
      { name: 'map', mountPath: '/probe-volume', subPath: 'configmap-key' },
      { name: 'mapped', mountPath: '/probe-folder', subPath: 'a' },
    ];
    assert.deepEqual(await outputsOf(space, pod), ['configmap-valueb\n']);
  });

  requirement(
    'EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial]',
    async (space) => {
      const names = Array.from({ length: 50 }, (_, index) => `racey-configmap-${index}`);
      await Promise.all(names.map((name) => makeFiles(space, 'configMap', name, { 'data-1': 'value-1' })));
      const items = [{ key: 'data-1', path: 'data-1' }];
      const sources = names.map((name) => [`/etc/config-${name}`, fileSource('configMap', false, name, { items })]);
      const template = teller({
        scripts: { 'test-container': 'exec sleep 10000' },
        volumes: Object.fromEntries(sources),
        metadata: { labels: { name: 'racey' } },
        container: { resources: { requests: { cpu: '10m' } } },
        spec: { restartPolicy: 'Always', dnsPolicy: 'Default' },
      });
      const pods = space.path('/api/v1', 'pods?labelSelector=name%3Dracey');
      for (const round of [1, 2, 3]) {
        const controllers = space.path('/api/v1', 'replicationcontrollers');
        const metadata = { name: `wrapped-volume-race-${round}` };
        await space.ask('POST', controllers, { body: { metadata, spec: { replicas: 5, template } } });
        const running = await space.until('five pods run', pods, ({ items }) => {
          return items.filter((pod: any) => pod.status.phase === 'Running').length === 5;
        });
        assert.equal(running.items.length, 5);
        for (const pod of running.items) assert.equal(pod.status.containerStatuses[0].restartCount, 0);
        await space.ask('DELETE', `${controllers}/${metadata.name}`, { body: { propagationPolicy: 'Background' } });
        await space.until('the pods are gone', pods, ({ items }) => items.length === 0);
      }
    },
  );
});
