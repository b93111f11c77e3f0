// The profiles that a configuration asks for: plugins at the points where they are enabled, with weights and arguments.
// Upstream: mergePlugins of the defaults, and NewFramework.
import { ConfigFileError } from '../../machinery/config-file.ts';
import type { Plugin, WeightedPlugin } from '../framework/plugin.ts';
import { plugins as defaultPlugins } from '../plugins/index.ts';
import {
  defaultName,
  nameOf,
  type PluginConfig,
  type PluginSet,
  type Point,
  type ProfileConfig,
  type SchedulerConfig,
} from './configuration.ts';
import { withArgs } from './plugin-args.ts';

export interface Profile {
  /** The schedulerName of its pods. */
  name: string;
  plugins: readonly WeightedPlugin[];
  percentageOfNodesToScore: number;
}

type Method = Exclude<keyof Plugin, 'name' | 'mayHelp'>;

/** What a plugin has for each point; what a point has no method for is done in one way only, by the plugins named. */
const methodsOf: Record<Point, readonly Method[]> = {
  preEnqueue: ['preEnqueue'],
  queueSort: [],
  preFilter: ['preFilter', 'adjust'],
  filter: ['filter'],
  postFilter: ['postFilter'],
  preScore: ['preScore'],
  score: ['score', 'normalize'],
  reserve: ['reserve', 'unreserve'],
  permit: [],
  preBind: ['preBind'],
  bind: [],
  postBind: [],
};
const points = Object.keys(methodsOf) as Point[];
/** Done by the queue and by the loop. */
const builtIn: Partial<Record<Point, string>> = { queueSort: 'PrioritySort', bind: 'DefaultBinder' };

const known: readonly WeightedPlugin[] = [
  ...Object.values(builtIn).map((name) => ({ plugin: { name }, weight: 0 })),
  ...defaultPlugins,
];

const has = ({ enabled = [], disabled = [] }: PluginSet = {}) => ({
  enabled: new Map(enabled.map(({ name = '', weight = 0 }) => [name, weight])),
  isDisabled: (name: string) => disabled.some((one) => one.name === name || one.name === '*'),
});

const extendsPoint = (plugin: Plugin, point: Point) =>
  builtIn[point] === plugin.name || methodsOf[point].some((method) => plugin[method]);

const interfaceOf = (point: Point) => `${point.charAt(0).toUpperCase()}${point.slice(1)}Plugin`;

/** The profiles of a configuration, or without one the default. Throws ConfigFileError, as kube-scheduler says it. */
export function buildProfiles(config: SchedulerConfig): Profile[] {
  const configs: readonly ProfileConfig[] = config.profiles?.length ? config.profiles : [{}];
  const managed = (config.extenders ?? []).flatMap(({ managedResources = [] }) => managedResources);
  const ignored = managed.filter((one) => one.ignoredByScheduler).map(({ name = '' }) => name);
  return configs.map((one) => {
    const name = nameOf(one, configs) || defaultName;
    const percentageOfNodesToScore = one.percentageOfNodesToScore ?? config.percentageOfNodesToScore ?? 0;
    return { name, plugins: buildPlugins(name, ignoring(ignored, one)), percentageOfNodesToScore };
  });
}

/** The profile without a look at resources that extenders manage. */
function ignoring(resources: readonly string[], profile: ProfileConfig): ProfileConfig {
  if (resources.length === 0) return profile;
  const { pluginConfig = [] } = profile;
  const isFit = ({ name }: PluginConfig) => name === 'NodeResourcesFit';
  const given: any = pluginConfig.find(isFit)?.args ?? {};
  const args = { ...given, ignoredResources: [...(given.ignoredResources ?? []), ...resources] };
  return { ...profile, pluginConfig: [...pluginConfig.filter((c) => !isFit(c)), { name: 'NodeResourcesFit', args }] };
}

function buildPlugins(profile: string, { plugins: sets = {}, pluginConfig = [] }: ProfileConfig): WeightedPlugin[] {
  const refuse = (why: string) =>
    new ConfigFileError(`initializing profiles: creating profile for scheduler name ${profile}: ${why}`);
  checkNames(sets, refuse);
  const everywhere = has(sets.multiPoint);
  const chosen = points.map((point) => ({ point, set: has(sets[point]) }));
  const isOn = ({ plugin }: WeightedPlugin, { point, set }: (typeof chosen)[number]) => {
    if (!extendsPoint(plugin, point)) return false;
    if (set.enabled.has(plugin.name)) return true;
    const isMeant = everywhere.enabled.has(plugin.name) || !everywhere.isDisabled(plugin.name);
    return isMeant && !set.isDisabled(plugin.name);
  };
  for (const { point, set } of chosen) {
    const name = builtIn[point];
    if (!name || isOn({ plugin: { name }, weight: 0 }, { point, set })) continue;
    if (point === 'bind')
      throw refuse(`at least one bind plugin is needed for profile with scheduler name "${profile}"`);
    throw refuse(`only one queue sort plugin required for profile with scheduler name "${profile}", but got 0`);
  }
  const score = has(sets.score);
  return defaultPlugins.flatMap((one) => {
    const on = chosen.filter((at) => isOn(one, at)).flatMap(({ point }) => methodsOf[point]);
    if (on.length === 0) return [];
    const own = score.enabled.get(one.plugin.name) ?? everywhere.enabled.get(one.plugin.name);
    // Who names a plugin without a weight means one.
    const weight = own === undefined ? one.weight : own || 1;
    return [{ plugin: only(withArgs(one.plugin, pluginConfig), on), weight }];
  });
}

/** The plugin at some of its points. */
function only(plugin: Plugin, methods: readonly Method[]): Plugin {
  const off = Object.values(methodsOf)
    .flat()
    .filter((method) => plugin[method] && !methods.includes(method));
  const left: Plugin = { ...plugin };
  for (const method of off) delete left[method];
  return off.length === 0 ? plugin : left;
}

function checkNames(sets: NonNullable<ProfileConfig['plugins']>, refuse: (why: string) => Error): void {
  for (const point of [...points, 'multiPoint'] as const) {
    // Upstream tries the points in its own order, and this is the first.
    const shown = interfaceOf(point === 'multiPoint' ? 'preFilter' : point);
    const seen = new Set<string>();
    for (const { name = '' } of sets[point]?.enabled ?? []) {
      const one = known.find(({ plugin }) => plugin.name === name);
      if (!one) throw refuse(`${shown} "${name}" does not exist`);
      if (point !== 'multiPoint' && !extendsPoint(one.plugin, point))
        throw refuse(`plugin "${name}" does not extend ${shown} plugin`);
      if (seen.has(name)) throw refuse(`plugin "${name}" already registered as "${shown}"`);
      seen.add(name);
    }
  }
}
