// What the requirements of nodes share: pods, what is waited for, and what they say.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type ApiClient, apiClientOf, openCommand } from '../environment/api-streams.ts';
import { Kubectl } from '../environment/kubectl.ts';
import type { ImageName } from '../images/images.ts';
import { requirements, type Space } from './cluster.ts';
import { gone, isReady } from './objects.ts';

export const busybox = 'docker.io/library/busybox:1.36';

/** What the level `restricted` of pod security wants of every container. */
export const restricted = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  runAsUser: 1000,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

type Level = 'restricted' | 'baseline' | 'privileged';
type Declare = (name: string, run: (space: Space) => Promise<void>, level?: Level) => void;

/** As `requirements`, in namespaces of a level of pod security. */
export function nodeRequirements(name: string, images: ImageName[], declare: (requirement: Declare) => void): void {
  requirements({ name, images, sig: 'sig-node' }, (requirement) =>
    declare((of, run, level = 'baseline') =>
      requirement(of, async (space) => {
        const labels = { 'pod-security.kubernetes.io/enforce': level };
        await space.ask('PATCH', `/api/v1/namespaces/${space.namespace}`, { body: { metadata: { labels } } });
        await run(space);
      }),
    ),
  );
}

/** A container of busybox that runs a script. */
export const shell = (script: string, more: object = {}): any => ({
  name: 'main',
  image: busybox,
  command: ['sh', '-c', script],
  ...more,
});

/** A script that goes on until it is told to end. */
export const stays = 'trap "exit 0" TERM; while :; do sleep 0.2; done';

export const pod = (name: string, containers: object | object[], spec: object = {}, metadata: object = {}): any => ({
  metadata: { name, ...metadata },
  spec: { containers: [containers].flat(), terminationGracePeriodSeconds: 1, ...spec },
});

/** The path of a pod, or of something below it. */
export const podPath = (space: Space, name: string, below = ''): string =>
  space.path('/api/v1', `pods/${name}${below}`);

export const create = (space: Space, resource: string, body: object, version = '/api/v1'): Promise<any> =>
  space.ask('POST', space.path(version, resource), { body });

/** Creates a pod and waits until it is Ready. */
export async function start(space: Space, body: object): Promise<any> {
  const { metadata } = await create(space, 'pods', body);
  return space.until('the pod is ready', podPath(space, metadata.name), isReady);
}

export const hasEnded = ({ status }: any): boolean => ['Succeeded', 'Failed'].includes(status.phase);

/** The status of its first container. */
export const firstState = ({ status }: any): any => status.containerStatuses?.[0];

export const logOf = (space: Space, name: string, query = ''): Promise<string> =>
  space.get(podPath(space, name, `/log?${query}`));

/** Runs a pod to its end, which must be good: what its first container printed. */
export async function outputOf(space: Space, body: any): Promise<string> {
  const { metadata, spec } = await create(space, 'pods', { ...body, spec: { restartPolicy: 'Never', ...body.spec } });
  const { status } = await space.until('the pod has ended', podPath(space, metadata.name), hasEnded);
  const log = await logOf(space, metadata.name, `container=${spec.containers[0].name}`);
  assert.equal(status.phase, 'Succeeded', `${log}${JSON.stringify(status)}`);
  return log;
}

/** The output of a pod has lines, or what matches. */
export async function prints(space: Space, body: object, ...wanted: (string | RegExp)[]): Promise<void> {
  const output = await outputOf(space, body);
  for (const one of wanted) {
    const isThere = typeof one === 'string' ? output.split('\n').includes(one) : one.test(output);
    assert.ok(isThere, `${one} in ${output}`);
  }
}

const clients = new Map<string, ApiClient>();

/** The API server itself, for what does not go through kubectl's proxy. */
export function apiOf(space: Space): ApiClient {
  const known = clients.get(space.kubeconfig) ?? apiClientOf(new Kubectl(space.kubeconfig));
  clients.set(space.kubeconfig, known);
  return known;
}

/** What a command in a container prints; it must end well. */
export async function exec(space: Space, name: string, container: string, ...command: string[]): Promise<string> {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true' });
  for (const word of command) query.append('command', word);
  const streams = await openCommand(apiOf(space), podPath(space, name, `/exec?${query}`), 'v5.channel.k8s.io');
  const [output, { status, message }] = await Promise.all([text(streams.stdout), streams.ended]);
  assert.equal(status, 'Success', `${command.join(' ')}: ${message} ${output}`);
  return output;
}

/** Removes a pod and waits until it is gone. */
export async function remove(space: Space, name: string): Promise<void> {
  await space.ask('DELETE', podPath(space, name));
  await gone(space, podPath(space, name));
}
