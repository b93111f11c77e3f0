// What a pod that has a node may be resized to: what that node has room for when it is empty (PodResizeValidator), in ways that it
// declares in its status (NodeDeclaredFeatureValidator, KEP-5328).
import { type Node, NodeKind } from '../../api/core/node.ts';
import { featuresToResize, missingFeatures } from '../../api/core/pod/node-features.ts';
import { inUnits, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, isPodResize, refusal } from './plugin.ts';

/** `cause`: why, for programs. */
function refuse(request: AdmissionRequest, why: string, cause: string): never {
  const error = refusal(request, why);
  error.details!.causes = [{ reason: cause }];
  throw error;
}

async function nodeOf(request: AdmissionRequest, { store }: AdmissionDeps): Promise<Node> {
  const { nodeName } = (request.object as Pod).spec;
  const found = await store.find(NodeKind, '', nodeName!);
  if (!found) throw refusal(request, `node "${nodeName}" not found`);
  return found.object as Node;
}

const isResizeOnNode = (request: AdmissionRequest) => isPodResize(request) && !!(request.object as Pod).spec.nodeName;

export const nodeDeclaredFeatures: AdmissionPlugin = {
  name: 'NodeDeclaredFeatureValidator',
  handles: isResizeOnNode,
  async validate(request, deps) {
    const wanted = featuresToResize(request.object as Pod, request.oldObject as Pod);
    if (wanted.length === 0) return;
    const node = await nodeOf(request, deps);
    const missing = missingFeatures(wanted, node).join(', ');
    const name = JSON.stringify(node.metadata.name);
    const why = `pod update requires features ${missing} which are not available on node ${name}`;
    if (missing) throw refusal(request, why);
  },
};

export const podResize: AdmissionPlugin = {
  name: 'PodResizeValidator',
  handles: isResizeOnNode,
  async validate(request, deps) {
    const [next, old] = [request.object as Pod, request.oldObject as Pod];
    if (next.metadata.generation === old.metadata.generation) return;
    const { metadata, status } = await nodeOf(request, deps);
    const requests = podRequests(next.spec);
    const lacks = ['cpu', 'memory'].flatMap((name) => {
      const [requested, allocatable] = [inUnits(name, requests[name]), inUnits(name, status?.allocatable?.[name])];
      return requested > allocatable ? [`${name}, requested: ${requested}, allocatable: ${allocatable}`] : [];
    });
    const tooMuch = `Node didn't have enough allocatable resources: ${lacks.join('; ')}`;
    if (lacks.length > 0) refuse(request, tooMuch, 'NodeCapacity');
    const os = metadata.labels?.['kubernetes.io/os'] ?? '';
    const elsewhere = `pod resize is only supported on linux nodes, node "${metadata.name}" is "${os}"`;
    if (os !== 'linux') refuse(request, elsewhere, 'UnsupportedPlatform');
  },
};
