// What of the recorded lifecycles is not expected here, and why. Everything that is not listed has
// to be the same. Nowhere compared are:
// - how often a container was restarted, beyond that it was: it depends on when one looks;
// - the resources of a whole pod's status, but for those allocated: the recorded kubelet reads them off control groups,
//   which say unlimited memory where nothing was asked for and know no requests of it;
// - supplementary groups: those of the image, and ours are stand-ins;
// - ServiceCIDR objects: the test of their controller looks at them.

/** Statuses that a pod can have or not. */
export const otherRows: readonly { scenario: string; row: RegExp; why: string }[] = [
  {
    scenario: 'liveness-exec',
    row: /^Running \| c=terminated:Completed\/0( r1)? \| .*,!Ready,!ContainersReady,/,
    why: 'the recorded kubelet stops and starts a container in one step; ours says that it does not run in between, after each try',
  },
  {
    scenario: 'liveness-exec',
    row: /^Running \| c=waiting:CrashLoopBackOff r1 \|/,
    why: 'a slow machine looks when the container has failed its probe once more, and waits; the recording ended before',
  },
  {
    scenario: 'resize-cpu',
    row: /^Running \| c=running ready \| PodResizeInProgress,/,
    why: 'what is resized at once can be told of with its begin or not; the recorded kubelet told of it in resize-deferred',
  },
  {
    scenario: 'resize-memory',
    row: /^Running \| c=running ready \| d=terminated:Completed\/0 \| (PodResizeInProgress,)?PodReady.*,!Ready,/,
    why: 'as with liveness-exec: ours says that a container does not run between its end and its next start',
  },
  {
    scenario: 'static-pod',
    row: /^Pending \| c=waiting:ContainerCreating \| !PodReadyToStartContainers,/,
    why: 'the recorded kubelet had a sandbox before the mirror was there to tell it of',
  },
  {
    scenario: 'sidecar-crash',
    row: /^Running \| side=waiting:CrashLoopBackOff r3 \|/,
    why: 'the same: the recording ended before',
  },
  {
    scenario: 'job-onfailure-backofflimit',
    row: /^Running \| c=waiting:CrashLoopBackOff r1 \|/,
    why: 'ours says at once that a container waits, the recorded one shortly before the next try',
  },
  ...['taint-noexecute', 'pdb-eviction', 'preemption'].map((scenario) => ({
    scenario,
    row: /^Running \| c=running ready \| DisruptionTarget,.* \| deleting/,
    why: 'the same conditions in the order of the kubelet, if it writes once more before the end',
  })),
];

/**
 * Files of control groups, as `pod.level controller/file`. Groups are only looked at where they are
 * of version 1, as recorded.
 */
export const otherGroups: readonly { file: RegExp; why: string }[] = [
  { file: /^\/kubepods/, why: 'they hold what this machine has and all pods on it ask for' },
  { file: / cpuset\/cpuset\.cpus$/, why: 'the processors of the machine' },
  {
    file: / oom_score_adj$/,
    why: 'it comes from the memory of the machine; the view of a container shows it where it does not',
  },
];

/** Fields of whole objects, by their paths. */
export const otherFields: readonly { scenario: string; path: RegExp; why: string }[] = [
  {
    scenario: 'node-object',
    path: /^node\.status\.(capacity|allocatable)\.hugepages-/,
    why: 'which sizes there are is up to the machine',
  },
  {
    scenario: 'service-endpoints',
    path: /^(EndpointSlice|Endpoints)\.metadata\.(generation|annotations)$/,
    why: 'how often it was written depends on what came together; its annotation says whether readiness caused the last write, or an address',
  },
  {
    scenario: 'node-object',
    path: /^node\.metadata\.labels\.node-role\.kubernetes\.io\/control-plane$/,
    why: 'the role of the only node of a local cluster; the recorded one had none',
  },
  {
    scenario: 'node-object',
    path: /^kubernetes(Service\.spec\.ports\.0\.targetPort|EndpointSlice\.ports\.0\.port|Endpoints\.subsets\.0\.ports\.0\.port)$/,
    why: 'the port of the API server is each cluster’s own',
  },
  {
    scenario: 'node-object',
    path: /^node\.metadata\.(labels\.topology\.hostpath|annotations\.csi\.volume\.kubernetes)\.(csi\.k8ts\.)?io\/node(id)?$/,
    why: 'the storage driver of the cluster’s own; the recorded one had none',
  },
  { scenario: 'node-object', path: /^node\.status\.images$/, why: 'the images of the machine' },
  {
    scenario: 'node-object',
    path: /^node\.status\.runtimeHandlers$/,
    why: 'one handler is the default, whose name is the runtime’s own affair',
  },
];

/** Lists of whole objects whose order means nothing, by their paths. */
export const anyOrder: readonly { scenario: string; path: RegExp; why: string }[] = [
  {
    scenario: 'service-endpoints',
    path: /^(EndpointSlice\.endpoints|Endpoints\.subsets\.0\.addresses)$/,
    why: 'they are in the order of their addresses, which pods get as they come',
  },
];

/** Events that may be told or not; with `count`, that may be counted more or less often. */
export const otherEvents: readonly { scenario: string; event: RegExp; count?: true; why: string }[] = [
  {
    scenario: 'probe-failure-messages',
    event: /: \(combined from similar events\): /,
    why: 'the tenth message is combined with the others, whichever it is',
  },
  {
    scenario: 'job-onfailure-backofflimit',
    event: /^Pod\/j-\S+ spec\.containers\{c\} Warning BackOff /,
    why: 'the job ends the pod as soon as it knows, which can be before the kubelet says that it waits',
  },
  ...['daemonset', 'statefulset'].map((scenario) => ({
    scenario,
    event: /^Pod\/w-\S+ spec.containers\{c\} Warning Unhealthy .* connection (refused|reset by peer)$/,
    why: 'the server may listen before it is looked for or not, and end while it is',
  })),
  {
    scenario: 'pdb-eviction',
    event: /^PodDisruptionBudget\/b {2}Normal NoPods /,
    count: true,
    why: 'it is told whenever the budget is looked at before there is a pod: at its own status, say',
  },
  ...['liveness-exec', 'probe-failure-messages'].map((scenario) => ({
    scenario,
    event: / Unhealthy .* probe failed: command timed out: (?!"sleep 10")/,
    why: 'a slow machine may take more than the second that a probe has',
  })),
  {
    scenario: 'liveness-exec',
    event: /^Pod\/p spec\.containers\{c\} Normal Killing /,
    count: true,
    why: 'on a slow machine the next container has failed its probe as well before the recorded state was seen',
  },
  {
    scenario: 'liveness-exec',
    event: /^Pod\/p spec\.containers\{c\} Warning BackOff /,
    why: 'the same',
  },
  {
    scenario: 'unbound-pvc',
    event: /^PersistentVolumeClaim\/pvc {2}Normal FailedBinding /,
    count: true,
    why: 'it is told again every 15 seconds for as long as the claim waits',
  },
  {
    scenario: 'node-object',
    event: /^Node\/\S+ {2}Normal NodeHas\w+ /,
    count: true,
    why: 'the recorded kubelet says so with each try to register its node',
  },
  {
    scenario: 'node-object',
    event: /^Node\/\S+ {2}Warning CgroupV1 /,
    why: 'only told where control groups are of version 1, as recorded',
  },
];

interface Text {
  scenario: string;
  pattern: RegExp;
  becomes: string | ((text: string, ...groups: string[]) => string);
  why: string;
}

/** Texts that are taken for others before they are compared, both what was recorded and what is found here. */
const texts: readonly Text[] = [
  {
    scenario: 'rejected-outofcpu',
    pattern: /used: \d+, capacity: \d+/g,
    becomes: 'used: <any>, capacity: <any>',
    why: 'other lifecycles run on the node at the same time, and machines differ',
  },
  {
    scenario: 'resize-deferred',
    pattern: /used: \d+, capacity: \d+/g,
    becomes: 'used: <any>, capacity: <any>',
    why: 'machines differ: a pod takes the processors beyond the second',
  },
  {
    scenario: 'resize-errors',
    pattern: /@@ -\d+,7 \+\d+,7 @@/g,
    becomes: '@@ -<any>,7 +<any>,7 @@',
    why: 'a source that the recorded build adds to every token volume makes more lines before',
  },
  {
    scenario: 'termination-message-fallback',
    pattern: /^three\none\ntwo\n$/,
    becomes: '<any>\n<any>\n<any>\n',
    why: 'lines of standard output and standard error come in any order; which they are is a step of its own',
  },
  {
    scenario: 'host-network',
    pattern: /search example\.internal\n/,
    becomes: '',
    why: 'a search domain of the recorded node',
  },
  {
    scenario: 'container-view',
    pattern: / example\.internal/g,
    becomes: '',
    why: 'a search domain of the recorded node',
  },
  {
    scenario: 'container-view',
    pattern: /^MYLIM=\d+$/m,
    becomes: 'MYLIM=<any>',
    why: 'processors of the machine',
  },
  {
    scenario: 'container-view',
    pattern: /^## (?:cgroup|ps|ulimit|ip)\n[\s\S]*?(?=^## )/gm,
    becomes: '',
    why: 'cgroups are namespaced here, busybox runs ps under the name of its shell, limits are the machine’s, pods have routes and no bridge',
  },
  {
    scenario: 'container-view',
    pattern: /^## mounts\n([\s\S]*?)(?=^## )/m,
    becomes: (_, mounts) => `## mounts\n${describeMounts(mounts!)}\n`,
    why: 'sources, sizes and order are those of the OCI runtime and of the machine',
  },
  {
    scenario: 'container-view',
    pattern: /^\/sys\/fs\/cgroup tmpfs \S+$/m,
    becomes: '/sys/fs/cgroup tmpfs <any>',
    why: 'the recorded OCI runtime leaves the tmpfs above the hierarchies writable',
  },
  {
    scenario: 'container-view',
    pattern: /^core\n/m,
    becomes: '',
    why: 'crun links /dev/core where the kernel has /proc/kcore',
  },
  {
    scenario: 'container-view',
    pattern: /^([-dl]\S{9}) +\d+ (root +root) +\d+ (?:<any>|\w{3} +\d+ [\d:]+) /gm,
    becomes: '$1 $2 ',
    why: 'sizes and times of files',
  },
  { scenario: 'container-view', pattern: /^total \d+\n/gm, becomes: '', why: 'sizes of files' },
  {
    scenario: 'container-view',
    pattern: /^drwxr-xr-t/gm,
    becomes: 'drwxr-xr-x',
    why: 'crun makes mount points sticky',
  },
  {
    scenario: 'container-view',
    pattern: /^.*service-ca\.crt.*\n/gm,
    becomes: '',
    why: 'a source that the recorded build adds to every token volume',
  },
  {
    scenario: 'container-view',
    pattern: /\nkubernetes\.io\/config\.\w+="[^"]*"/g,
    becomes: '',
    why: 'notes that the recorded kubelet makes on its own copy of the pod',
  },
  {
    scenario: 'container-view',
    pattern: /^b="2"p$/m,
    becomes: '',
    why: 'the recorded runtime keeps a line back until it has an end, conmon writes what there is of it',
  },
];

/** What is mounted where, how, and with which protection; crun remounts what lies in /proc its own way. */
function describeMounts(mounts: string): string {
  const lines = mounts.trim().split('\n');
  const described = lines.map((line) => {
    const [, target = '', type = '', options = ''] = line.split(' ');
    const flags = options.split(',').filter((o) => ['ro', 'rw', 'nosuid', 'nodev', 'noexec'].includes(o));
    return target.startsWith('/proc/') ? `${target} ${type}` : `${target} ${type} ${flags.sort().join()}`;
  });
  return described.sort().join('\n');
}

/** A text of a lifecycle without what cannot be the same. */
export function comparable(scenario: string, text: string): string {
  const own = texts.filter((t) => t.scenario === scenario);
  return own.reduce((out, { pattern, becomes }) => out.replace(pattern, becomes as string), text);
}

/** The same for every text of a recording. */
export function comparableRecording<T>(scenario: string, value: T): T {
  if (typeof value === 'string') return comparable(scenario, value) as T;
  if (Array.isArray(value)) return value.map((v) => comparableRecording(scenario, v)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, comparableRecording(scenario, v)])) as T;
}
