// Validation of probes and lifecycle hooks. Upstream: pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { validatePortNumber, validatePortNumberOrName, validateRequired, validateWord } from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import type { Container } from './container.ts';
import type { HTTPGetAction, Lifecycle, Probe } from './probe.ts';

interface Handler {
  exec?: { command?: string[] };
  httpGet?: HTTPGetAction;
  tcpSocket?: { port: number | string };
  grpc?: { port: number };
  sleep?: { seconds: number };
}

const headerText =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

function validateHTTPGet(action: HTTPGetAction, path: string): FieldError[] {
  const errors = validateRequired(action.path, `${path}.path`);
  append(errors, validatePortNumberOrName(action.port, `${path}.port`));
  append(errors, validateWord(action.scheme, ['HTTP', 'HTTPS'], `${path}.scheme`));
  for (const { name } of action.httpHeaders ?? []) {
    if (!/^[-A-Za-z0-9]+$/.test(name)) errors.push(invalid(`${path}.httpHeaders`, name, headerText));
  }
  return errors;
}

const validators: Record<keyof Handler, (handler: any, path: string, graceSeconds: number) => FieldError[]> = {
  exec: (exec, path) => (exec.command?.length ? [] : [required(`${path}.command`)]),
  httpGet: validateHTTPGet,
  tcpSocket: (socket, path) => validatePortNumberOrName(socket.port, `${path}.port`),
  grpc: (grpc, path) => validatePortNumber(grpc.port, `${path}.port`),
  sleep: ({ seconds }, path, graceSeconds) =>
    seconds < 0 || seconds > graceSeconds
      ? [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`)]
      : [],
};

/** Exactly one action; only the first is looked at. */
function validateHandler(handler: Handler, path: string, graceSeconds: number): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  for (const name of ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const) {
    if (handler[name] === undefined) continue;
    const at = `${path}.${name}`;
    if (found++ > 0) errors.push(forbidden(at, 'may not specify more than 1 handler type'));
    else append(errors, validators[name](handler[name], at, graceSeconds));
  }
  if (found === 0) errors.push(required(path, 'must specify a handler type'));
  return errors;
}

const counters = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function validateProbe(probe: Probe, path: string, graceSeconds: number): FieldError[] {
  const errors = validateHandler(probe as Handler, path, graceSeconds);
  for (const field of counters) append(errors, validateNonNegative(probe[field], `${path}.${field}`));
  const period = probe.terminationGracePeriodSeconds;
  if (period !== undefined && period <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, period, 'must be greater than 0'));
  }
  return errors;
}

/** Probes and hooks of one container. */
export function validateProbesAndHooks(container: Container, path: string, graceSeconds: number): FieldError[] {
  const errors: FieldError[] = [];
  if (container.lifecycle) append(errors, validateLifecycle(container.lifecycle, `${path}.lifecycle`, graceSeconds));
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[name];
    if (!probe) continue;
    const at = `${path}.${name}`;
    append(errors, validateProbe(probe, at, graceSeconds));
    if (name !== 'readinessProbe' && probe.successThreshold !== 1) {
      errors.push(invalid(`${at}.successThreshold`, probe.successThreshold, 'must be 1'));
    }
    const period = probe.terminationGracePeriodSeconds;
    if (name === 'readinessProbe' && period !== undefined) {
      errors.push(invalid(`${at}.terminationGracePeriodSeconds`, period, 'must not be set for readinessProbes'));
    }
  }
  return errors;
}

function validateLifecycle(lifecycle: Lifecycle, path: string, graceSeconds: number): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['postStart', 'preStop'] as const) {
    const hook = lifecycle[name];
    if (hook) append(errors, validateHandler(hook as Handler, `${path}.${name}`, graceSeconds));
  }
  return errors;
}
