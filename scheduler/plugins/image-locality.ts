// ImageLocality: prefers nodes that have the pod's images, the bigger the better, as long as not
// only few nodes have them.
import type { NodeInfo } from '../framework/node-info.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { success } from '../framework/status.ts';

const name = 'ImageLocality';
const minBytes = 23 * 1024 * 1024;
const maxBytesPerContainer = 1000 * 1024 * 1024;

/** Image names as nodes report them carry a tag. */
function normalizedName(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? image : `${image}:latest`;
}

function findImage(node: NodeInfo, image: string): number {
  const wanted = normalizedName(image);
  return node.imageBytes.get(wanted) ?? node.imageBytes.get(`docker.io/library/${wanted}`) ?? 0;
}

export const imageLocality: Plugin = {
  name,
  preScore(state, { pod }, nodes) {
    const spread = new Map<string, number>();
    for (const { image = '' } of pod.spec.containers) {
      spread.set(image, nodes.filter((n) => findImage(n, image) > 0).length / Math.max(1, nodes.length));
    }
    state.set(name, spread);
    return success;
  },
  score(state, { pod }, node) {
    const spread = state.get(name) as Map<string, number>;
    const { containers } = pod.spec;
    const sum = containers.reduce(
      (total, c) => total + Math.floor(findImage(node, c.image ?? '') * (spread.get(c.image ?? '') ?? 0)),
      0,
    );
    const most = maxBytesPerContainer * containers.length;
    return Math.floor((maxScore * (Math.min(Math.max(sum, minBytes), most) - minBytes)) / (most - minBytes));
  },
};
