// Observed state of containers.
// Exactly one of waiting, running and terminated is set; the kubelet derives it from the runtime.
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { resourceRequirements } from './resources.ts';
import { stopSignals } from './stop-signal.ts';

const containerStateRunning = s.api('core.v1.ContainerStateRunning', 'A running container.', {
  startedAt: s.time('When it started.', { always: true }),
});

const containerStateTerminated = s.api('core.v1.ContainerStateTerminated', 'An ended container.', {
  containerID: s.string('Runtime and id.'),
  exitCode: s.int32('Exit code.', mandatory),
  finishedAt: s.time('When it ended.', { always: true }),
  message: s.string('Termination message.'),
  reason: s.string('Why it ended.'),
  signal: s.int32('Signal that ended it.'),
  startedAt: s.time('When it started.', { always: true }),
});

const containerStateWaiting = s.api('core.v1.ContainerStateWaiting', 'A container that has not started yet.', {
  message: s.string('Explanation for people.'),
  reason: s.string('Why it waits.'),
});

const containerState = s.api('core.v1.ContainerState', 'State of a container; exactly one field.', {
  running: s.field(containerStateRunning, 'It runs.'),
  terminated: s.field(containerStateTerminated, 'It has ended.'),
  waiting: s.field(containerStateWaiting, 'It has not started yet.'),
});
export interface ContainerState extends TypeOf<typeof containerState> {}

const resourceHealth = s.api('core.v1.ResourceHealth', 'Health of one device.', {
  health: s.string('Healthy, Unhealthy or Unknown.'),
  message: s.string('Explanation for people.', { pointer: true }),
  resourceID: s.string('Id of the device.', mandatory),
});

const resourceStatus = s.api('core.v1.ResourceStatus', 'Health of one resource of a container.', {
  name: s.string('Name of the resource.', mandatory),
  resources: s.list(resourceHealth, 'Health of each device.', { listType: 'map', listMapKeys: ['resourceID'] }),
});

const linuxContainerUser = s.api('core.v1.LinuxContainerUser', 'User of a Linux container.', {
  gid: s.int64('Group id of the first process.', mandatory),
  supplementalGroups: s.list(s.int64(''), 'More groups of the first process.', atomic),
  uid: s.int64('User id of the first process.', mandatory),
});
export interface LinuxContainerUser extends TypeOf<typeof linuxContainerUser> {}

const containerUser = s.api('core.v1.ContainerUser', 'User of a container.', {
  linux: s.field(linuxContainerUser, 'On Linux.'),
});
export interface ContainerUser extends TypeOf<typeof containerUser> {}

const imageVolumeStatus = s.api('core.v1.ImageVolumeStatus', 'Facts about a mounted image.', {
  imageRef: s.string('Digest of the image.', { required: true }),
});

export const volumeStatus = s.api('core.v1.VolumeStatus', 'Facts about a mounted volume.', {
  image: s.field(imageVolumeStatus, 'For an image volume.'),
});
export interface VolumeStatus extends TypeOf<typeof volumeStatus> {}

const volumeMountStatus = s.api('core.v1.VolumeMountStatus', 'State of one mount.', {
  mountPath: s.string('Path at which it appears.', mandatory),
  name: s.string('Name of the volume.', mandatory),
  readOnly: s.boolean('Whether it is read-only.'),
  recursiveReadOnly: s.string('Whether submounts are read-only.', { pointer: true }),
  volumeStatus: s.field(volumeStatus, 'Facts about the volume.'),
});
export interface VolumeMountStatus extends TypeOf<typeof volumeMountStatus> {}

export const containerStatus = s.api('core.v1.ContainerStatus', 'Observed state of a container.', {
  allocatedResources: s.map(s.quantity(''), 'Resources set aside for the container.'),
  allocatedResourcesStatus: s.list(resourceStatus, 'Health of devices given to the container.', mergedBy('name')),
  containerID: s.string('Runtime and id, containerd://...'),
  image: s.string('Image that runs.', mandatory),
  imageID: s.string('Digest of the image that runs.', mandatory),
  lastState: s.field(containerState, 'State before the last restart.', { always: true }),
  name: s.string('Name of the container.', mandatory),
  ready: s.boolean('Whether it is ready.', mandatory),
  resources: s.field(resourceRequirements, 'Resources in force.'),
  restartCount: s.int32('How often it was restarted.', mandatory),
  started: s.boolean('Whether it has started: postStart and startup probe are done.', { pointer: true }),
  state: s.field(containerState, 'State now.', { always: true }),
  stopSignal: s.string('Signal that stops the container.', { pointer: true, enum: stopSignals }),
  user: s.field(containerUser, 'User and groups it started with.'),
  volumeMounts: s.list(volumeMountStatus, 'State of its mounts.', mergedBy('mountPath')),
});
export interface ContainerStatus extends TypeOf<typeof containerStatus> {}
