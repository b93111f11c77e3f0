// Probes and lifecycle hooks, which share their actions.
// https://kubernetes.io/docs/concepts/workloads/pods/probes/ Validation: probe-validation.ts.
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { stopSignals } from './stop-signal.ts';

const execAction = s.api('core.v1.ExecAction', 'A command in the container.', {
  command: s.list(s.string(''), 'The command line, not run in a shell.', atomic),
});

const httpHeader = s.api('core.v1.HTTPHeader', 'A request header.', {
  name: s.string('Header name.', mandatory),
  value: s.string('Header value.', mandatory),
});

const httpGetAction = s.api('core.v1.HTTPGetAction', 'An HTTP GET request.', {
  host: s.string("Host to connect to; the pod's address when empty."),
  httpHeaders: s.list(httpHeader, 'Headers to send.', atomic),
  path: s.string('Path to ask for.', { default: '/' }),
  port: s.intOrString('Port number or name.', mandatory),
  scheme: s.string('HTTP or HTTPS.', { default: 'HTTP', enum: ['HTTP', 'HTTPS'] }),
});
export interface HTTPGetAction extends TypeOf<typeof httpGetAction> {}

const sleepAction = s.api('core.v1.SleepAction', 'A pause.', {
  seconds: s.int64('How long.', mandatory),
});

const tcpSocketAction = s.api('core.v1.TCPSocketAction', 'A TCP connection.', {
  host: s.string("Host to connect to; the pod's address when empty."),
  port: s.intOrString('Port number or name.', mandatory),
});

const grpcAction = s.api('core.v1.GRPCAction', 'A call of the gRPC health service.', {
  port: s.int32('Port number.', mandatory),
  service: s.string('Service name to ask about.', { pointer: true, default: '' }),
});

const lifecycleHandler = s.api('core.v1.LifecycleHandler', 'What a hook does; exactly one field.', {
  exec: s.field(execAction, 'Run a command in the container.'),
  httpGet: s.field(httpGetAction, 'Send an HTTP request.'),
  sleep: s.field(sleepAction, 'Wait.'),
  tcpSocket: s.field(tcpSocketAction, 'Not supported; kept for old manifests.'),
});
export interface LifecycleHandler extends TypeOf<typeof lifecycleHandler> {}

export const lifecycle = s.api('core.v1.Lifecycle', 'Hooks around the life of a container.', {
  postStart: s.field(lifecycleHandler, 'Runs right after the start; a failure ends the container.'),
  preStop: s.field(lifecycleHandler, 'Runs before the container is told to stop.'),
  stopSignal: s.string('Signal that stops the container.', { pointer: true, enum: stopSignals }),
});
export interface Lifecycle extends TypeOf<typeof lifecycle> {}

export const probe = s.api('core.v1.Probe', 'A periodic check of a container.', {
  exec: s.field(execAction, 'Succeeds when the command exits with 0.'),
  failureThreshold: s.int32('Failures in a row that count as failed.', { default: 3 }),
  grpc: s.field(grpcAction, 'Asks the gRPC health service.'),
  httpGet: s.field(httpGetAction, 'Succeeds on a status from 200 to 399.'),
  initialDelaySeconds: s.int32('Seconds after the start before the first check.'),
  periodSeconds: s.int32('Seconds between checks.', { default: 10 }),
  successThreshold: s.int32('Successes in a row that count as good again.', { default: 1 }),
  tcpSocket: s.field(tcpSocketAction, 'Succeeds when the port accepts a connection.'),
  terminationGracePeriodSeconds: s.int64("Grace of the stop that a failure brings, instead of the pod's.", {
    pointer: true,
  }),
  timeoutSeconds: s.int32('Seconds after which a check has failed.', { default: 1 }),
});
export interface Probe extends TypeOf<typeof probe> {}
