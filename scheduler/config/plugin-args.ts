// The arguments that plugins take (pluginConfig of a profile), and the plugins made with them.
import { nodeAffinity as nodeAffinitySchema } from '../../api/core/pod/affinity.ts';
import { type TopologySpreadConstraint, topologySpreadConstraint } from '../../api/core/pod/scheduling.ts';
import { validateAffinity, validateTopologyKey } from '../../api/core/pod/scheduling-validation.ts';
import { DecodeError, decodeValue } from '../../machinery/decode.ts';
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { isObject } from '../../machinery/json.ts';
import { type AnySchema, type Schema, s } from '../../machinery/schema.ts';
import type { Plugin } from '../framework/plugin.ts';
import { createDefaultPreemption, defaultCandidates } from '../plugins/default-preemption.ts';
import { createInterPodAffinity, defaultAffinityArgs } from '../plugins/inter-pod-affinity.ts';
import { createNodeAffinity } from '../plugins/node-affinity.ts';
import { createNodeResourcesFit, defaultStrategy } from '../plugins/node-resources-fit.ts';
import { createPodTopologySpread, systemSpread } from '../plugins/pod-topology-spread.ts';
import type { PluginConfig } from './configuration.ts';

interface PluginArgs<T = any> {
  schema: Schema<T>;
  validate(args: T, path: string): FieldError[];
  create(args: T): Plugin;
}

const name = 'io.k8s.kubescheduler.config.v1';
const head = { apiVersion: s.string('kubescheduler.config.k8s.io/v1'), kind: s.string('The plugin, with Args.') };

/** `value` as far as it is given, within a range that errors name as Kubernetes does. */
function inRange(
  value: number | undefined,
  path: string,
  [least, most, shown]: [number, number, string],
): FieldError[] {
  const isValid = value === undefined || (value >= least && value <= most);
  return isValid ? [] : [invalid(path, value, `not in valid range ${shown}`)];
}

const preemption: PluginArgs<Partial<typeof defaultCandidates>> = {
  schema: s.object(`${name}.DefaultPreemptionArgs`, 'How many candidates are looked for.', {
    ...head,
    minCandidateNodesPercentage: s.int32('Of the nodes.', { pointer: true }),
    minCandidateNodesAbsolute: s.int32('At least.', { pointer: true }),
  }),
  validate(args, path) {
    const { minCandidateNodesPercentage: share, minCandidateNodesAbsolute: count } = { ...defaultCandidates, ...args };
    const [sharePath, countPath] = [`${path}.minCandidateNodesPercentage`, `${path}.minCandidateNodesAbsolute`];
    const errors = [
      ...inRange(share, sharePath, [0, 100, '[0, 100]']),
      ...inRange(count, countPath, [0, Number.POSITIVE_INFINITY, '[0, inf)']),
    ];
    if (share !== 0 || count !== 0) return errors;
    return [
      ...errors,
      invalid(sharePath, share, 'cannot be zero at the same time as minCandidateNodesAbsolute'),
      invalid(countPath, count, 'cannot be zero at the same time as minCandidateNodesPercentage'),
    ];
  },
  create: (args) => createDefaultPreemption({ ...defaultCandidates, ...args }),
};

const interPodAffinity: PluginArgs<Partial<typeof defaultAffinityArgs>> = {
  schema: s.object(`${name}.InterPodAffinityArgs`, 'What affinity is worth.', {
    ...head,
    hardPodAffinityWeight: s.int32('What required affinity of other pods is worth.', { pointer: true }),
    ignorePreferredTermsOfExistingPods: s.boolean('Preferences of other pods count only where the pod has some.'),
  }),
  validate: ({ hardPodAffinityWeight }, path) =>
    inRange(hardPodAffinityWeight, `${path}.hardPodAffinityWeight`, [0, 100, '[0, 100]']),
  create: (args) => createInterPodAffinity({ ...defaultAffinityArgs, ...args }),
};

const nodeAffinity: PluginArgs<Parameters<typeof createNodeAffinity>[0]> = {
  schema: s.object(`${name}.NodeAffinityArgs`, 'What holds for all pods of the profile.', {
    ...head,
    addedAffinity: s.field(nodeAffinitySchema, 'Beside that of each pod.'),
  }),
  validate: ({ addedAffinity }, path) =>
    validateAffinity(addedAffinity && { nodeAffinity: addedAffinity }, path).map((error) => ({
      ...error,
      field: `${path}.addedAffinity${error.field.slice(`${path}.nodeAffinity`.length)}`,
    })),
  create: createNodeAffinity,
};

const resource = s.object(`${name}.ResourceSpec`, 'A resource that counts.', {
  name: s.string('Its name.'),
  weight: s.int32('How much it counts.', { pointer: true }),
});
const shapePoint = s.object(`${name}.UtilizationShapePoint`, 'A point of a function.', {
  utilization: s.int32('Percent.'),
  score: s.int32('0 to 10.'),
});
const strategySchema = s.object(`${name}.ScoringStrategy`, 'How free resources are scored.', {
  type: s.string('LeastAllocated, MostAllocated or RequestedToCapacityRatio.'),
  resources: s.list(resource, 'Those that count; cpu and memory without it.'),
  requestedToCapacityRatio: s.object(`${name}.RequestedToCapacityRatioParam`, 'A function of utilization.', {
    shape: s.list(shapePoint, 'Its points.'),
  }),
});
const fitSchema = s.object(`${name}.NodeResourcesFitArgs`, 'How resources are looked at.', {
  ...head,
  ignoredResources: s.list(s.string(''), 'Extended resources that are not looked at.'),
  ignoredResourceGroups: s.list(s.string(''), 'The same, by what stands before the slash.'),
  scoringStrategy: s.field(strategySchema, 'How nodes are scored.'),
});

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

const nodeResourcesFit: PluginArgs = {
  schema: fitSchema as Schema<any>,
  validate({ ignoredResourceGroups = [], scoringStrategy }, path) {
    const errors = (ignoredResourceGroups as string[]).flatMap((group, i) =>
      group.includes('/')
        ? [invalid(`${path}.ignoredResourceGroups[${i}]`, group, "resource group name can't contain '/'")]
        : [],
    );
    return scoringStrategy ? [...errors, ...validateStrategy(scoringStrategy, `${path}.scoringStrategy`)] : errors;
  },
  create: ({ ignoredResources = [], ignoredResourceGroups = [], scoringStrategy = defaultStrategy }) => {
    const { type, resources = [], requestedToCapacityRatio: { shape = [] } = {} } = scoringStrategy;
    const weighed = resources.map((one: any) => ({ name: one.name ?? '', weight: one.weight || 1 }));
    const strategy = { type, resources: weighed.length > 0 ? weighed : defaultStrategy.resources, shape };
    return createNodeResourcesFit({ ignoredResources, ignoredResourceGroups, strategy });
  },
};

function validateStrategy(strategy: any, path: string): FieldError[] {
  const { type = '', resources = [], requestedToCapacityRatio: ratio } = strategy;
  const errors: FieldError[] = [];
  if (!strategies.includes(type)) errors.push(notSupported(`${path}.type`, type, strategies));
  for (const [i, { name: of, weight = 1 }] of resources.entries()) {
    const why = `resource weight of ${of} not in valid range (0, 100]`;
    if (weight < 0 || weight > 100) errors.push(invalid(`${path}.resources[${i}].weight`, weight, why));
  }
  const at = `${path}.requestedToCapacityRatio`;
  if (type !== 'RequestedToCapacityRatio') {
    return ratio ? [...errors, forbidden(at, 'must be nil when type is not RequestedToCapacityRatio')] : errors;
  }
  if (!ratio) return [...errors, required(at, 'must be specified when type is RequestedToCapacityRatio')];
  return [...errors, ...validateShape(ratio.shape ?? [], `${at}.shape`)];
}

function validateShape(shape: { utilization?: number; score?: number }[], path: string): FieldError[] {
  if (shape.length === 0) return [required(path, 'at least one point must be specified')];
  const unsorted = shape.findIndex((one, i) => i > 0 && (shape[i - 1]!.utilization ?? 0) >= (one.utilization ?? 0));
  const why = 'values must be sorted in increasing order';
  return [
    ...(unsorted < 0 ? [] : [invalid(`${path}[${unsorted}].utilization`, shape[unsorted]!.utilization, why)]),
    ...shape.flatMap(({ utilization, score }, i) => [
      ...inRange(utilization, `${path}[${i}].utilization`, [0, 100, '[0, 100]']),
      ...inRange(score, `${path}[${i}].score`, [0, 10, '[0, 10]']),
    ]),
  ];
}

const rules = ['DoNotSchedule', 'ScheduleAnyway'];

const podTopologySpread: PluginArgs<{ defaultConstraints?: TopologySpreadConstraint[]; defaultingType?: string }> = {
  schema: s.object(`${name}.PodTopologySpreadArgs`, 'How pods are spread that do not say it.', {
    ...head,
    defaultConstraints: s.list(
      topologySpreadConstraint,
      'Of each pod without its own; whom it counts follows from it.',
    ),
    defaultingType: s.string('System, or List: those given here.'),
  }),
  validate({ defaultConstraints = [], defaultingType: type = 'System' }, path) {
    const errors: FieldError[] = [];
    const typePath = `${path}.defaultingType`;
    if (type !== 'System' && type !== 'List') errors.push(notSupported(typePath, type, ['System', 'List']));
    else if (type === 'System' && defaultConstraints.length > 0)
      errors.push(invalid(typePath, type, 'when .defaultConstraints are not empty'));
    for (const [i, constraint] of defaultConstraints.entries()) {
      const at = `${path}.defaultConstraints[${i}]`;
      const { maxSkew, topologyKey, whenUnsatisfiable: rule, labelSelector } = constraint;
      errors.push(...inRange(maxSkew, `${at}.maxSkew`, [1, Number.POSITIVE_INFINITY, '(0, inf)']));
      errors.push(...validateTopologyKey(topologyKey, `${at}.topologyKey`));
      if (!rule) errors.push(required(`${at}.whenUnsatisfiable`, 'can not be empty'));
      else if (!rules.includes(rule)) errors.push(notSupported(`${at}.whenUnsatisfiable`, rule, rules));
      const why = 'constraint must not define a selector, as they deduced for each pod';
      if (labelSelector) errors.push(forbidden(`${at}.labelSelector`, why));
      const isSame = (other: TopologySpreadConstraint) =>
        other.topologyKey === topologyKey && other.whenUnsatisfiable === rule;
      if (defaultConstraints.findIndex(isSame) < i) errors.push(duplicate(at, `{${topologyKey}, ${rule}}`));
    }
    return errors;
  },
  create: ({ defaultConstraints = [], defaultingType }) =>
    createPodTopologySpread(
      defaultingType === 'List' ? { defaults: defaultConstraints, isLenient: false } : systemSpread,
    ),
};

const known: Record<string, PluginArgs> = {
  DefaultPreemption: preemption,
  InterPodAffinity: interPodAffinity,
  NodeAffinity: nodeAffinity,
  NodeResourcesFit: nodeResourcesFit,
  PodTopologySpread: podTopologySpread,
};

export function validatePluginConfig(configs: readonly PluginConfig[], path: string): FieldError[] {
  return configs.flatMap(({ name: plugin = '', args }, i) => {
    const at = `${path}[${i}]`;
    if (configs.slice(0, i).some((other) => other.name === plugin)) return [duplicate(at, plugin)];
    const form = known[plugin];
    if (!form) return [forbidden(at, `arguments of plugin ${JSON.stringify(plugin)} are not supported`)];
    return validateArgs(form, { plugin, args: args ?? {} }, `${at}.args`);
  });
}

function validateArgs(
  form: PluginArgs,
  { plugin, args }: { plugin: string; args: unknown },
  path: string,
): FieldError[] {
  if (!isObject(args) || (args.kind ?? `${plugin}Args`) !== `${plugin}Args`)
    return [invalid(path, args, 'has to match plugin args')];
  try {
    const { value, unknownFields } = decodeValue(form.schema as AnySchema, args);
    if (unknownFields.length > 0) return [invalid(path, args, `unknown field "${unknownFields[0]}"`)];
    return form.validate(value, path);
  } catch (err) {
    if (!(err instanceof DecodeError)) throw err;
    return [invalid(path, args, err.message)];
  }
}

/** The plugin as its arguments want it; the one there is without any. The arguments are valid. */
export function withArgs(plugin: Plugin, configs: readonly PluginConfig[]): Plugin {
  const config = configs.find((one) => one.name === plugin.name);
  const form = config && known[plugin.name];
  return form ? form.create(decodeValue(form.schema as AnySchema, config.args ?? {}).value) : plugin;
}
