// PriorityLevelConfiguration: how many requests of a kind are served at a time, and what the others do.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { rangeText } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateFlowConditions } from './conditions.ts';
import { mandatoryOf, mandatoryPriorityLevels } from './mandatory.ts';

const queuingConfiguration = s.api('flowcontrol.v1.QueuingConfiguration', 'How requests wait.', {
  handSize: s.int32('How many queues one flow is spread over.', { always: true, default: 8 }),
  queueLengthLimit: s.int32('Most requests in a queue.', { always: true, default: 50 }),
  queues: s.int32('Number of queues.', { always: true, default: 64 }),
});
type QueuingConfiguration = TypeOf<typeof queuingConfiguration>;

const limitResponse = s.api('flowcontrol.v1.LimitResponse', 'What becomes of requests that are too many.', {
  queuing: s.field(queuingConfiguration, 'For Queue.'),
  type: s.string('Queue, or Reject.', mandatory),
});

const limited = s.api('flowcontrol.v1.LimitedPriorityLevelConfiguration', 'A level with a limit.', {
  borrowingLimitPercent: s.int32('How much of other levels it may use, against its own.', { pointer: true }),
  lendablePercent: s.int32('How much of it others may use.', { pointer: true, default: 0 }),
  limitResponse: s.field(limitResponse, 'What becomes of requests that are too many.', { always: true }),
  nominalConcurrencyShares: s.int32('Its part of all requests that are served at a time.', {
    pointer: true,
    always: true,
    default: 30,
  }),
});
type Limited = TypeOf<typeof limited>;

const exempt = s.api('flowcontrol.v1.ExemptPriorityLevelConfiguration', 'A level without a limit.', {
  lendablePercent: s.int32('How much of it others may use.', { pointer: true, default: 0 }),
  nominalConcurrencyShares: s.int32('Its part of all requests that are served at a time.', {
    pointer: true,
    default: 0,
  }),
});
type Exempt = TypeOf<typeof exempt>;

const spec = s.api('flowcontrol.v1.PriorityLevelConfigurationSpec', 'How requests of a level are served.', {
  exempt: s.field(exempt, 'For Exempt.'),
  limited: s.field(limited, 'For Limited.'),
  type: s.string('Limited, or Exempt for requests that never wait.', mandatory),
});
export interface PriorityLevelConfigurationSpec extends TypeOf<typeof spec> {}

const condition = s.api('flowcontrol.v1.PriorityLevelConfigurationCondition', 'One aspect of the state of a level.', {
  lastTransitionTime: s.time('When the status last changed.'),
  message: s.string('Explanation for people.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.'),
  type: s.string('Name of the condition.'),
});

const status = s.api('flowcontrol.v1.PriorityLevelConfigurationStatus', 'Observed state of a level.', {
  conditions: s.list(condition, 'State of the level.', mergedBy('type')),
});

const schema = s.api('flowcontrol.v1.PriorityLevelConfiguration', 'How many requests are served at a time.', {
  ...objectFields,
  spec: s.field(spec, 'How requests are served.', { always: true }),
  status: s.field(status, 'State of the level.', { always: true }),
});
export interface PriorityLevelConfiguration extends ObjectOf<typeof schema> {}

const none = '<none>';
const queuingOf = (level: PriorityLevelConfiguration) => level.spec.limited?.limitResponse?.queuing;

export const PriorityLevelConfigurationKind = defineKind<PriorityLevelConfiguration>({
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
  served: [
    {
      group: 'flowcontrol.apiserver.k8s.io',
      version: 'v1',
      schema,
      setDefaults: ({ spec }: PriorityLevelConfiguration) => {
        if (spec.type === 'Exempt') spec.exempt ??= { nominalConcurrencyShares: 0, lendablePercent: 0 };
      },
    },
  ],
  subresources: { status: true },
  hasGeneration: true,
  statusKeeps: clientMetadata,
  columns: [
    column('Type', 'string', 'Limited or Exempt.', ({ spec }) => spec.type),
    column(
      'NominalConcurrencyShares',
      'string',
      'Its part of all requests that are served at a time.',
      ({ spec }) => spec.limited?.nominalConcurrencyShares ?? none,
    ),
    column('Queues', 'string', 'Number of queues.', (level) => queuingOf(level)?.queues ?? none),
    column(
      'HandSize',
      'string',
      'How many queues one flow is spread over.',
      (level) => queuingOf(level)?.handSize ?? none,
    ),
    column(
      'QueueLengthLimit',
      'string',
      'Most requests in a queue.',
      (level) => queuingOf(level)?.queueLengthLimit ?? none,
    ),
    ageColumn,
  ],
  validate: ({ metadata, spec, status }) => [
    ...validateSpec(spec, metadata.name ?? ''),
    ...validateMandatory(spec, metadata.name ?? ''),
    ...validateFlowConditions(status?.conditions),
  ],
  validateStatusUpdate: ({ status }) => validateFlowConditions(status?.conditions),
});

function validateSpec(spec: PriorityLevelConfigurationSpec, name: string): FieldError[] {
  const { type, limited, exempt } = spec;
  const errors: FieldError[] = [];
  if ((name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalid('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
    if (exempt) append(errors, validateShares(exempt, 'spec.exempt'));
    else errors.push(required('spec.exempt', 'must not be empty when type is Exempt'));
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
    if (limited) append(errors, validateLimited(limited, 'spec.limited'));
    else errors.push(required('spec.limited', 'must not be empty when type is Limited'));
  } else {
    errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']));
  }
  return errors;
}

function validateMandatory(spec: PriorityLevelConfigurationSpec, name: string): FieldError[] {
  const wanted: PriorityLevelConfigurationSpec | undefined = mandatoryOf(mandatoryPriorityLevels, name);
  if (!wanted) return [];
  const isExempt = name === 'exempt';
  const fixed = ({ exempt, ...rest }: PriorityLevelConfigurationSpec) => (isExempt ? rest : { ...rest, exempt });
  if (jsonEqual(fixed(spec), fixed(wanted))) return [];
  const but = isExempt ? " except the 'spec.exempt' field" : '';
  return [invalid('spec', spec, `spec of '${name}'${but} must equal the fixed value`)];
}

function validateShares(
  { nominalConcurrencyShares: shares = 0, lendablePercent = 0 }: Exempt,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (shares < 0) errors.push(invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'));
  if (lendablePercent < 0 || lendablePercent > 100) {
    errors.push(invalid(`${path}.lendablePercent`, lendablePercent, rangeText(0, 100)));
  }
  return errors;
}

function validateLimited(level: Limited, path: string): FieldError[] {
  const errors = validateShares(level, path);
  const { borrowingLimitPercent: borrowing = 0, limitResponse = { type: '' } } = level;
  if (borrowing < 0) {
    const why = 'if specified, must be a non-negative integer';
    errors.push(invalid(`${path}.borrowingLimitPercent`, borrowing, why));
  }
  const { type, queuing } = limitResponse;
  const responsePath = `${path}.limitResponse`;
  if (type === 'Reject') {
    const why = 'must be nil if limited.limitResponse.type is not Limited';
    if (queuing) errors.push(forbidden(`${responsePath}.queuing`, why));
  } else if (type !== 'Queue') {
    errors.push(notSupported(`${responsePath}.type`, type, ['Queue', 'Reject']));
  } else if (queuing) {
    append(errors, validateQueuing(queuing, `${responsePath}.queuing`));
  } else {
    const why = 'must not be empty if limited.limitResponse.type is Limited';
    errors.push(required(`${responsePath}.queuing`, why));
  }
  return errors;
}

const maxQueues = 10_000_000;
const maxHashBits = 60;

function validateQueuing(queuing: QueuingConfiguration, path: string): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) errors.push(invalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  if (queues <= 0) errors.push(invalid(`${path}.queues`, queues, 'must be positive'));
  else if (queues > maxQueues) errors.push(invalid(`${path}.queues`, queues, `must not be greater than ${maxQueues}`));
  const hand = (why: string) => errors.push(invalid(`${path}.handSize`, handSize, why));
  if (handSize <= 0) hand('must be positive');
  else if (handSize > queues) hand(`should not be greater than queues (${queues})`);
  else if (Math.ceil(Math.log2(queues) * handSize) > maxHashBits) {
    hand(
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${maxHashBits}`,
    );
  }
  return errors;
}
