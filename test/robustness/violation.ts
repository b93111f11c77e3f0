// What breaks a rule, and how it is told: the rule, the object, and what of the history shows it.
import type { Version } from './etcd-history.ts';
import type { Operation } from './history.ts';
import { revisionOf, stampOf } from './history.ts';

const maxMessage = 160;

export interface Violation {
  rule: string;
  why: string;
  /** `configmaps/name`, or what else it is about. */
  key: string;
  operations: readonly Operation[];
  versions: readonly Version[];
}

export function showViolation({ rule, why, key, operations, versions }: Violation): string {
  const lines = [`${key}: broken: ${rule}`, `  ${why}`];
  for (const operation of operations) lines.push(`  ${showOperation(operation)}`);
  for (const version of versions) lines.push(`  ${showVersion(version)}`);
  return lines.join('\n');
}

export function showOperation(operation: Operation): string {
  const { id, client, server, calledMs, returnedMs, called, returned, resource, name, request } = operation;
  const time = `${calledMs}..${returnedMs} ms (${called}..${returned})`;
  return `#${id} ${time} ${client} to server ${server}: ${showRequest(request, `${resource}/${name}`)} -> ${showOutcome(operation)}`;
}

function showRequest(request: Operation['request'], target: string): string {
  if ('object' in request) return `${request.verb} ${target} ${showObject(request.object)}`;
  const { verb, ...rest } = request;
  return `${verb} ${target} ${JSON.stringify(rest)}`;
}

function showOutcome({ outcome }: Operation): string {
  switch (outcome.result) {
    case 'unknown':
      return `unknown: ${outcome.why.slice(0, maxMessage)}`;
    case 'refused':
      return `${outcome.code} ${outcome.reason}: ${outcome.message.slice(0, maxMessage)}`;
    case 'listed':
      return `revision ${outcome.revision}: ${outcome.items.map((o) => `${o.metadata.name}@${revisionOf(o)}`).join(' ')}`;
    default:
      return `${outcome.code} ${showObject(outcome.object)}`;
  }
}

function showObject(object: any): string {
  if (object.kind === 'Status') return `Status ${object.status} uid ${object.details?.uid}`;
  const { metadata, data, spec } = object;
  const { uid, resourceVersion, labels, finalizers, deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  const content = data ?? (spec?.containers ? { node: spec.nodeName } : spec);
  const shown = { uid, labels, finalizers, deletionTimestamp, deletionGracePeriodSeconds, content };
  return `version ${resourceVersion} stamp ${stampOf(object)} ${JSON.stringify(shown)}`;
}

export function showVersion({ revision, object, until, seen }: Version): string {
  return `etcd, revision ${revision} until ${until}, seen at ${seen}: ${object ? showObject(object) : 'deleted'}`;
}
