// The subresources with handlers of their own.
import { bindingSubresource } from './binding.ts';
import { evictionSubresource } from './eviction.ts';
import { finalizeSubresource } from './finalize.ts';
import type { Subresource } from './handler.ts';
import { attachSubresource, execSubresource, logSubresource, portForwardSubresource } from './pod-streams.ts';
import { nodeProxySubresource, podProxySubresource, serviceProxySubresource } from './proxy.ts';
import { approvalSubresource, ephemeralContainersSubresource, resizeSubresource } from './ruled-by-kind.ts';
import { scaleSubresource } from './scale.ts';
import { tokenSubresource } from './token.ts';

export const subresources: readonly Subresource[] = [
  approvalSubresource,
  attachSubresource,
  bindingSubresource,
  ephemeralContainersSubresource,
  evictionSubresource,
  execSubresource,
  finalizeSubresource,
  logSubresource,
  nodeProxySubresource,
  podProxySubresource,
  portForwardSubresource,
  resizeSubresource,
  scaleSubresource,
  serviceProxySubresource,
  tokenSubresource,
];
