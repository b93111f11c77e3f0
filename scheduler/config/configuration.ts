// KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): what the file says that `--config` names.
// https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
import type { ConfigFileForm } from '../../machinery/config-file.ts';
import { duplicate, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import { extender, validateExtenders } from './extender-config.ts';
import { validatePluginConfig } from './plugin-args.ts';

const name = 'io.k8s.kubescheduler.config.v1';

const plugin = s.object(`${name}.Plugin`, 'A plugin at an extension point.', {
  name: s.string('Its name; * is all.'),
  weight: s.int32('How much its score counts.'),
});
const pluginSet = s.object(`${name}.PluginSet`, 'Plugins of an extension point.', {
  enabled: s.list(plugin, 'Called beside those of multiPoint.'),
  disabled: s.list(plugin, 'Not called here, though multiPoint has them.'),
});
export interface PluginSet extends TypeOf<typeof pluginSet> {}

const points = {
  preEnqueue: s.field(pluginSet, 'Before a pod is queued.'),
  queueSort: s.field(pluginSet, 'The order of the queue.'),
  preFilter: s.field(pluginSet, 'Before nodes are looked at.'),
  filter: s.field(pluginSet, 'Whether a node fits.'),
  postFilter: s.field(pluginSet, 'When none fits.'),
  preScore: s.field(pluginSet, 'Before nodes are scored.'),
  score: s.field(pluginSet, 'How good a node is.'),
  reserve: s.field(pluginSet, 'When a node is chosen.'),
  permit: s.field(pluginSet, 'Before binding.'),
  preBind: s.field(pluginSet, 'Before binding.'),
  bind: s.field(pluginSet, 'Binding.'),
  postBind: s.field(pluginSet, 'After binding.'),
};
export type Point = keyof typeof points;

const pluginConfig = s.object(`${name}.PluginConfig`, 'Arguments of a plugin.', {
  name: s.string('The plugin.'),
  args: s.any('', 'Its arguments.'),
});
export interface PluginConfig extends TypeOf<typeof pluginConfig> {}

const profile = s.object(`${name}.KubeSchedulerProfile`, 'How pods of one schedulerName are scheduled.', {
  schedulerName: s.string('The spec.schedulerName of its pods.'),
  percentageOfNodesToScore: s.int32('As for all profiles.', { pointer: true }),
  plugins: s.object(`${name}.Plugins`, 'Plugins by extension point.', {
    ...points,
    multiPoint: s.field(pluginSet, 'Plugins at every point they have.'),
  }),
  pluginConfig: s.list(pluginConfig, 'Arguments of plugins.'),
});
export interface ProfileConfig extends TypeOf<typeof profile> {}

const configuration = s.object(`${name}.KubeSchedulerConfiguration`, 'How pods are scheduled.', {
  apiVersion: s.string('kubescheduler.config.k8s.io/v1'),
  kind: s.string('KubeSchedulerConfiguration'),
  parallelism: s.int32('Not looked at: a cycle runs on one thread.', { pointer: true }),
  leaderElection: s.any('', 'Not looked at: --leader-elect says it.'),
  clientConnection: s.any('', 'Not looked at: --kubeconfig says it.'),
  enableProfiling: s.boolean('Not looked at.', { pointer: true }),
  enableContentionProfiling: s.boolean('Not looked at.', { pointer: true }),
  percentageOfNodesToScore: s.int32('Of all nodes, how many that fit are enough.', { pointer: true }),
  podInitialBackoffSeconds: s.int64('The first back-off of a pod.', { pointer: true }),
  podMaxBackoffSeconds: s.int64('The longest.', { pointer: true }),
  delayCacheUntilActive: s.boolean('Not looked at.'),
  profiles: s.list(profile, 'One for each schedulerName.'),
  extenders: s.list(extender, 'Servers that have a say in where pods go.'),
});
export interface SchedulerConfig extends TypeOf<typeof configuration> {}

export const defaultName = 'default-scheduler';
export const defaultBackoff = { initialSeconds: 1, maxSeconds: 10 };

export const schedulerConfigForm: ConfigFileForm<SchedulerConfig> = {
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  schema: configuration,
  validate(config) {
    const { parallelism, profiles = [], percentageOfNodesToScore, extenders = [] } = config;
    const { podInitialBackoffSeconds: first = defaultBackoff.initialSeconds } = config;
    const { podMaxBackoffSeconds: longest = defaultBackoff.maxSeconds } = config;
    const errors: FieldError[] = [];
    if (parallelism !== undefined && parallelism <= 0)
      errors.push(invalid('parallelism', parallelism, 'should be an integer value greater than zero'));
    for (const [i, one] of profiles.entries()) errors.push(...validateProfile(one, i, profiles));
    errors.push(...validatePercentage(percentageOfNodesToScore, 'percentageOfNodesToScore'));
    if (first <= 0) errors.push(invalid('podInitialBackoffSeconds', first, 'must be greater than 0'));
    if (longest < first) {
      const why = 'must be greater than or equal to PodInitialBackoffSeconds';
      errors.push(invalid('podMaxBackoffSeconds', longest, why));
    }
    errors.push(...validateExtenders(extenders, 'extenders'));
    return errors;
  },
};

/** The one profile of a file without a name for it is the default one. */
export const nameOf = ({ schedulerName }: ProfileConfig, profiles: readonly ProfileConfig[]): string =>
  schedulerName || (profiles.length === 1 ? defaultName : '');

function validateProfile(one: ProfileConfig, i: number, profiles: readonly ProfileConfig[]): FieldError[] {
  const path = `profiles[${i}]`;
  const errors: FieldError[] = [];
  const own = nameOf(one, profiles);
  if (own === '') errors.push(required(`${path}.schedulerName`));
  errors.push(...validatePercentage(one.percentageOfNodesToScore, `${path}.percentageOfNodesToScore`));
  errors.push(...validatePluginConfig(one.pluginConfig ?? [], `${path}.pluginConfig`));
  const first = profiles.findIndex((other) => nameOf(other, profiles) === own);
  if (own !== '' && first < i) errors.push(duplicate(`${path}.schedulerName`, `profiles[${first}].schedulerName`));
  return errors;
}

function validatePercentage(percentage: number | undefined, path: string): FieldError[] {
  const isValid = percentage === undefined || (percentage >= 0 && percentage <= 100);
  return isValid ? [] : [invalid(path, percentage, 'not in valid range [0-100]')];
}
