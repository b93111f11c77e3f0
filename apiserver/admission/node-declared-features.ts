// A pod is resized in ways that its node can: new ones it declares in its status. Upstream: NodeDeclaredFeatureValidator,
// KEP-5328.
import { type Node, NodeKind } from '../../api/core/node.ts';
import { featuresToResize, missingFeatures } from '../../api/core/pod/node-features.ts';
import type { Pod } from '../../api/core/pod.ts';
import { forbiddenError } from '../../machinery/errors.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { type AdmissionPlugin, isPodResize } from './plugin.ts';

export const nodeDeclaredFeatures: AdmissionPlugin = {
  name: 'NodeDeclaredFeatureValidator',
  handles: isPodResize,
  async validate({ kind, name, object, oldObject }, { store }) {
    const [next, old] = [object as Pod, oldObject as Pod];
    const { nodeName } = next.spec;
    const wanted = nodeName ? featuresToResize(next, old) : [];
    if (wanted.length === 0) return;
    const node = (await store.find(NodeKind, '', nodeName!))?.object as Node | undefined;
    const missing = node && missingFeatures(wanted, node);
    const why = missing
      ? `pod update requires features ${missing.join(', ')} which are not available on node "${nodeName}"`
      : `node "${nodeName}" not found`;
    if (missing?.length !== 0) throw forbiddenError(groupResourceOf(kind), name, why);
  },
};
