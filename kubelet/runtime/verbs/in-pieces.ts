// The Stream* twins of the List* calls: the same items, some to a message, so that no message grows with the node.
import { listContainers } from './container-list.ts';
import { listImages } from './images.ts';
import { listPodSandbox } from './pod-sandbox-list.ts';
import { listContainerStats, listPodSandboxStats } from './stats.ts';
import type { Verb } from './verb.ts';

const perMessage = 100;

function* inPieces<T>(items: readonly T[] = []): Generator<T[]> {
  for (let i = 0; i < items.length; i += perMessage) yield items.slice(i, i + perMessage);
}

export const streamPodSandboxes: Verb<'StreamPodSandboxes'> = async function* (rt, req, signal) {
  for (const pod_sandboxes of inPieces((await listPodSandbox(rt, req, signal)).items)) yield { pod_sandboxes };
};

export const streamContainers: Verb<'StreamContainers'> = async function* (rt, req, signal) {
  for (const containers of inPieces((await listContainers(rt, req, signal)).containers)) yield { containers };
};

export const streamContainerStats: Verb<'StreamContainerStats'> = async function* (rt, req, signal) {
  for (const container_stats of inPieces((await listContainerStats(rt, req, signal)).stats)) yield { container_stats };
};

export const streamPodSandboxStats: Verb<'StreamPodSandboxStats'> = async function* (rt, req, signal) {
  for (const pod_sandbox_stats of inPieces((await listPodSandboxStats(rt, req, signal)).stats))
    yield { pod_sandbox_stats };
};

export const streamImages: Verb<'StreamImages'> = async function* (rt, req, signal) {
  for (const images of inPieces((await listImages(rt, req, signal)).images)) yield { images };
};
