// ImageLocality: prefers nodes that have the pod's images, the bigger the better, as long as not
// only few nodes have them.
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip, success } from '../framework/status.ts';

const name = 'ImageLocality';
const minBytes = 23 * 1024 * 1024;
const maxBytesPerContainer = 1000 * 1024 * 1024;

/** The names under which nodes may report an image: they carry a tag. */
function reportedNames(image: string): string[] {
  const last = image.slice(image.lastIndexOf('/') + 1);
  const tagged = last.includes(':') || last.includes('@') ? image : `${image}:latest`;
  return [tagged, `docker.io/library/${tagged}`];
}

interface WantedImage {
  name: string;
  /** The share of all nodes that have it. */
  spread: number;
}

export const imageLocality: Plugin = {
  name,
  preScore(state, { pod }, _nodes, snapshot) {
    const wanted: WantedImage[] = [];
    const { initContainers = [], containers, volumes = [] } = pod.spec;
    const images = [...initContainers, ...containers].map((container) => container.image);
    // Those of volumes count as well, beyond what is taken for the most.
    for (const image of [...images, ...volumes.map((volume) => volume.image?.reference)]) {
      const known = reportedNames(image ?? '').find((reported) => snapshot.nodesWithImage(reported) > 0);
      if (known) wanted.push({ name: known, spread: snapshot.nodesWithImage(known) / snapshot.nodes.length });
    }
    if (wanted.length === 0) return skip;
    state.set(name, wanted);
    return success;
  },
  score(state, { pod }, { imageBytes }) {
    let sum = 0;
    for (const image of state.get(name) as WantedImage[])
      sum += Math.floor((imageBytes.get(image.name) ?? 0) * image.spread);
    const most = maxBytesPerContainer * (pod.spec.containers.length + (pod.spec.initContainers?.length ?? 0));
    return Math.floor((maxScore * (Math.min(Math.max(sum, minBytes), most) - minBytes)) / (most - minBytes));
  },
};
