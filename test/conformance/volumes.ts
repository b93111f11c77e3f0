// Pods that tell what they find in their volumes.
import assert from 'node:assert/strict';
import type { Space } from './cluster.ts';

export interface Teller {
  /** Container to shell script. */
  scripts: Record<string, string>;
  /** Where each volume is mounted, and its source. */
  volumes?: Record<string, object>;
  metadata?: { name?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  /** More of the pod's spec. */
  spec?: object;
  /** More of every container. */
  container?: object;
}

/** A pod that runs the scripts once, with the volumes in every container. */
export function teller({ scripts, volumes = {}, metadata, spec, container }: Teller): any {
  const sources = Object.entries(volumes);
  return {
    metadata: { name: 'teller', ...metadata },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      volumes: sources.map(([, source], index) => ({ name: `volume-${index}`, ...source })),
      containers: Object.entries(scripts).map(([name, script]) => ({
        name,
        image: 'busybox:1.36',
        command: ['sh', '-c', script],
        volumeMounts: sources.map(([mountPath], index) => ({ name: `volume-${index}`, mountPath })),
        ...container,
      })),
      ...spec,
    },
  };
}

export const logOf = (space: Space, pod: string, container: string): Promise<string> =>
  space.get(space.path('/api/v1', `pods/${pod}/log?container=${container}`));

/** Runs a pod to its end, which must be good: what its containers printed. */
export async function outputsOf(space: Space, pod: any): Promise<string[]> {
  const { metadata, spec } = await space.ask('POST', space.path('/api/v1', 'pods'), { body: pod });
  const path = space.path('/api/v1', `pods/${metadata.name}`);
  const done = await space.until('the pod is done', path, ({ status }) =>
    ['Succeeded', 'Failed'].includes(status.phase),
  );
  const names: string[] = spec.containers.map((one: any) => one.name);
  const logs = await Promise.all(names.map((name) => logOf(space, metadata.name, name)));
  assert.equal(done.status.phase, 'Succeeded', `${JSON.stringify(done.status)}: ${logs.join('; ')}`);
  return logs;
}

/** Starts a pod and waits until it is Ready. */
export async function startPod(space: Space, pod: any): Promise<any> {
  const { metadata } = await space.ask('POST', space.path('/api/v1', 'pods'), { body: pod });
  return space.until('the pod is ready', space.path('/api/v1', `pods/${metadata.name}`), ({ status }) =>
    status.conditions?.some((one: any) => one.type === 'Ready' && one.status === 'True'),
  );
}

/** Waits until a container has printed `text`. */
export function untilLogged(space: Space, pod: string, container: string, text: string): Promise<string> {
  const path = space.path('/api/v1', `pods/${pod}/log?container=${container}`);
  return space.until(`${container} says ${text}`, path, (log: string) => log.includes(text));
}

/** Reads a file again and again, also when it is not there. */
export const readAgain = (path: string): string =>
  `while :; do cat ${path} || echo "Error reading file ${path}"; echo; sleep 0.5; done`;

export type FileKind = 'configMap' | 'secret';

/** A source of files; `projected` says by which kind of volume. */
export function fileSource(
  kind: FileKind,
  isProjected: boolean,
  name: string,
  { items, defaultMode, optional }: { items?: object[]; defaultMode?: number; optional?: boolean } = {},
): object {
  const what = { items, optional };
  if (isProjected) return { projected: { defaultMode, sources: [{ [kind]: { name, ...what } }] } };
  return { [kind]: { [kind === 'secret' ? 'secretName' : 'name']: name, defaultMode, ...what } };
}

/** The object of files. */
export async function makeFiles(space: Space, kind: FileKind, name: string, data: Record<string, string>) {
  const path = space.path('/api/v1', `${kind.toLowerCase()}s`);
  const body = { metadata: { name }, [kind === 'secret' ? 'stringData' : 'data']: data };
  return space.ask('POST', path, { body });
}
