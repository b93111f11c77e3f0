// Containers: what a pod runs.
// Ephemeral containers have the same fields and may use few of them. Validation: container-validation.ts.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { envFromSource, envVar } from './env.ts';
import { lifecycle, probe } from './probe.ts';
import { containerResizePolicy, resourceRequirements } from './resources.ts';
import { securityContext } from './security-context.ts';

export const containerPort = s.api('core.v1.ContainerPort', 'A port of a container.', {
  containerPort: s.int32('Port number in the pod.', mandatory),
  hostIP: s.string('Address of the node to bind to.'),
  hostPort: s.int32('Port of the node that leads here.'),
  name: s.string('Name by which services and probes may refer to it.'),
  protocol: s.string('TCP, UDP or SCTP.', { default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }),
});
export interface ContainerPort extends TypeOf<typeof containerPort> {}

const volumeDevice = s.api('core.v1.VolumeDevice', 'A block device in a container.', {
  devicePath: s.string('Path at which it appears.', mandatory),
  name: s.string('Name of a claim volume of the pod.', mandatory),
});

export const volumeMount = s.api('core.v1.VolumeMount', 'A volume in a container.', {
  mountPath: s.string('Path at which it appears.', mandatory),
  mountPropagation: s.string('None, HostToContainer or Bidirectional.', {
    pointer: true,
    enum: ['Bidirectional', 'HostToContainer', 'None'],
  }),
  name: s.string('Name of the volume.', mandatory),
  readOnly: s.boolean('Mount it read-only.'),
  recursiveReadOnly: s.string('Whether submounts are read-only too.', { pointer: true }),
  subPath: s.string('Path within the volume; its root when empty.'),
  subPathExpr: s.string('Like subPath, with $(NAME) replaced by environment variables.'),
});
export interface VolumeMount extends TypeOf<typeof volumeMount> {}

const containerRestartRuleOnExitCodes = s.api('core.v1.ContainerRestartRuleOnExitCodes', 'A set of exit codes.', {
  operator: s.string('In or NotIn.', { required: true }),
  values: s.list(s.int32(''), 'The exit codes.', { listType: 'set' }),
});

const containerRestartRule = s.api('core.v1.ContainerRestartRule', 'Decides on a restart by exit code.', {
  action: s.string('Restart or RestartAllContainers.', { required: true }),
  exitCodes: s.field(containerRestartRuleOnExitCodes, 'Exit codes it applies to.'),
});

/** What containers and ephemeral containers both use. */
const commonFields = {
  args: s.list(s.string(''), "Arguments of the command; the image's when absent.", atomic),
  command: s.list(s.string(''), "The command, not run in a shell; the image's entry point when absent.", atomic),
  env: s.list(envVar, 'Environment variables.', mergedBy('name')),
  envFrom: s.list(envFromSource, 'Sources whose keys all become environment variables.', atomic),
  image: s.string('Image to run.'),
  imagePullPolicy: s.string('Always, IfNotPresent or Never.', { enum: ['Always', 'IfNotPresent', 'Never'] }),
  name: s.string('Unique name within the pod.', mandatory),
  securityContext: s.field(securityContext, "Security settings; they win over the pod's."),
  stdin: s.boolean('Keep standard input open.'),
  stdinOnce: s.boolean('Close standard input after the first session.'),
  terminationMessagePath: s.string('File whose content becomes the termination message.', {
    default: '/dev/termination-log',
  }),
  terminationMessagePolicy: s.string('File, or FallbackToLogsOnError to use the end of the log.', {
    default: 'File',
    enum: ['FallbackToLogsOnError', 'File'],
  }),
  tty: s.boolean('Give the container a terminal; needs stdin.'),
  volumeDevices: s.list(volumeDevice, 'Block devices the container uses.', mergedBy('devicePath')),
  volumeMounts: s.list(volumeMount, 'Volumes and where they appear.', mergedBy('mountPath')),
  workingDir: s.string("Working directory; the image's when absent."),
};

export const container = s.api('core.v1.Container', 'One container of a pod.', {
  ...commonFields,
  lifecycle: s.field(lifecycle, 'What to do after start and before stop.'),
  livenessProbe: s.field(probe, 'The container is restarted when it fails.'),
  ports: s.list(
    containerPort,
    'Ports the container listens on; for information and host ports.',
    mergedBy('containerPort', 'protocol'),
  ),
  readinessProbe: s.field(probe, 'The pod takes no service traffic while it fails.'),
  resizePolicy: s.list(containerResizePolicy, 'What a change of resources needs.', atomic),
  resources: s.field(resourceRequirements, 'Resources of the container.', { always: true }),
  restartPolicy: s.string("Overrides the pod's; Always on an init container makes it a sidecar.", { pointer: true }),
  restartPolicyRules: s.list(containerRestartRule, 'Exit codes that decide on a restart.', atomic),
  startupProbe: s.field(probe, 'The other probes wait until it succeeds.'),
});
export interface Container extends TypeOf<typeof container> {}

export const ephemeralContainer = s.api('core.v1.EphemeralContainer', 'A container added to a running pod.', {
  ...commonFields,
  lifecycle: s.field(lifecycle, 'Not allowed here.'),
  livenessProbe: s.field(probe, 'Not allowed here.'),
  ports: s.list(containerPort, 'Not allowed here.', mergedBy('containerPort', 'protocol')),
  readinessProbe: s.field(probe, 'Not allowed here.'),
  resizePolicy: s.list(containerResizePolicy, 'Not allowed here.', atomic),
  resources: s.field(resourceRequirements, 'Not allowed here; it uses what the pod has left.', { always: true }),
  restartPolicy: s.string('Not allowed here.', { pointer: true }),
  restartPolicyRules: s.list(containerRestartRule, 'Not allowed here.', atomic),
  startupProbe: s.field(probe, 'Not allowed here.'),
  targetContainerName: s.string('Container whose namespaces to join.'),
});
export interface EphemeralContainer extends TypeOf<typeof ephemeralContainer> {}
