// What a configuration asks of the components is tried before anything is made: flags that the cluster sets by itself,
// paths of the host, and what each component says of its flags and the files that they name.
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '../../host/command.ts';
import { readCgroups } from '../host/cgroups.ts';
import { run } from '../host/run.ts';
import type { Layout } from '../layout.ts';
import { componentCommand, kubeletCommand, ownFlagsOf, type Program } from '../units.ts';
import { UserError } from '../user-error.ts';
import type { ClusterConfig, ConfiguredComponent, ExtraArg } from './cluster-config.ts';

const components: readonly ConfiguredComponent[] = ['apiserver', 'controllers', 'scheduler'];

/** Makes the folders and files that volumes ask for. Throws UserError for what would not work. */
export async function checkConfig(config: ClusterConfig, layout: Layout, program: Program): Promise<void> {
  for (const component of components) {
    const own = ownFlagsOf(layout, component);
    const taken = config.extraArgs[component].find(({ name }) => own.has(name));
    if (taken) throw new UserError(`${taken.place}: k8ts sets --${taken.name} by itself`);
  }
  const { value: single, place } = config.singleProcessOOMKill ?? {};
  // As the kubelet itself would say.
  if (single === false && readCgroups().version === 1)
    throw new UserError(`${place}: must not be explicitly set to false when using cgroup v1`);
  for (const { hostPath, containerPath } of config.nodeMounts) {
    if (!typeOf(hostPath)) throw new UserError(`extraMounts: ${hostPath} (${containerPath} of the node) is not there`);
  }
  for (const { hostPath, pathType, place } of config.paths) {
    const wrong = makePath(hostPath, pathType);
    if (wrong) throw new UserError(`${place}: ${wrong}`);
  }
  if (config.kubelet) await checkKubelet(config.kubelet.place, layout, program);
  for (const component of components) {
    const args = config.extraArgs[component];
    if (args.length > 0) await checkComponent(component, { args, layout, program });
  }
}

async function checkKubelet(place: string, layout: Layout, program: Program): Promise<void> {
  const [node = '', ...command] = kubeletCommand({ layout, program }, layout.nodes[0]!);
  try {
    await run(node, [...command, '--check']);
  } catch (err) {
    if (!(err instanceof CommandError)) throw err;
    const [first = ''] = err.stderr.split('\n');
    throw new UserError(`${place.replace(/: $/, '')}: ${first.replace('k8ts kubelet: ', '')}`, { cause: err });
  }
}

const typeOf = (path: string): 'File' | 'Directory' | undefined => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && (found.isDirectory() ? 'Directory' : 'File');
};

/** Why it is not there as it should be. */
function makePath(path: string, type: string): string | undefined {
  if (type === '') return undefined;
  const [wanted, orCreate] = type.split('Or') as ['File' | 'Directory', string | undefined];
  const found = typeOf(path);
  if (found === wanted) return undefined;
  if (found) return `${path} is no ${wanted.toLowerCase()}`;
  if (!orCreate) return `there is no ${wanted.toLowerCase()} ${path}`;
  mkdirSync(wanted === 'Directory' ? path : dirname(path), { recursive: true, mode: 0o755 });
  if (wanted === 'File') closeSync(openSync(path, 'a', 0o644));
  return undefined;
}

async function checkComponent(
  component: ConfiguredComponent,
  { args, layout, program }: { args: readonly ExtraArg[]; layout: Layout; program: Program },
): Promise<void> {
  const [node = '', ...command] = componentCommand({ layout, program }, component);
  try {
    await run(node, [...command, '--check']);
  } catch (err) {
    if (!(err instanceof CommandError)) throw err;
    const [first = ''] = err.stderr.split('\n');
    const what = first.replace(`k8ts ${component}: `, '');
    const of = args.find(
      ({ name, value }) => mentions(what, `--${name}`) || (value.length > 1 && what.includes(value)),
    );
    throw new UserError(of ? `${of.place}: ${what}` : `the ${component} does not take its flags: ${what}`, {
      hint: `k8ts ${component} --help lists the flags.`,
      cause: err,
    });
  }
}

function mentions(text: string, flag: string): boolean {
  const at = text.indexOf(flag);
  return at >= 0 && !/[a-z0-9-]/.test(text.charAt(at + flag.length));
}
