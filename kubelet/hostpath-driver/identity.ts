// Who the driver is.
import type { IdentityMethods } from '../../proto/csi.gen.ts';
import type { UnaryHandlers } from '../../proto/unary-server.ts';

export const driverName = 'hostpath.csi.k8ts.io';
/** The node label that says where a volume is. */
export const topologyKey = `topology.${driverName}/node`;

export const identityHandlers = (version: string): UnaryHandlers<IdentityMethods> => ({
  GetPluginInfo: async () => ({ name: driverName, vendor_version: version }),
  GetPluginCapabilities: async () => ({
    capabilities: [
      { service: { type: 'CONTROLLER_SERVICE' } },
      { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
      { volume_expansion: { type: 'ONLINE' } },
    ],
  }),
  Probe: async () => ({ ready: { value: true } }),
});
