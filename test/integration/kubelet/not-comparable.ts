// What of the recorded lifecycles is not expected here, and why. Everything that is not listed has to be the same. Nowhere compared are:
// - how often a container was restarted, beyond that it was: it depends on when one looks;
// - the resources of a whole pod's status: the recorded build says unlimited memory where nothing was asked for;
// - supplementary groups: those of the image, and ours are stand-ins.

/** Statuses that a pod has here and did not have when it was recorded. */
export const shownHere: readonly { scenario: string; row: RegExp; why: string }[] = [
  {
    scenario: 'liveness-exec',
    row: /^Running \| c=terminated:Completed\/0 \| .*,!Ready,!ContainersReady,/,
    why: 'the recorded kubelet stops and starts a container in one step; ours says that it does not run in between',
  },
];

/** Files of control groups, as `pod.level controller/file`. Groups are only looked at where they are of version 1, as recorded. */
export const otherGroups: readonly { file: RegExp; why: string }[] = [
  { file: /^\/kubepods/, why: 'they hold what this machine has and all pods on it ask for' },
  { file: / cpuset\/cpuset\.cpus$/, why: 'the processors of the machine' },
  {
    file: / oom_score_adj$/,
    why: 'it comes from the memory of the machine; the view of a container shows it where it does not',
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
