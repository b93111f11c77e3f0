// Claims that want access to devices in use, for monitoring, are for namespaces that an administrator has marked.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#admin-access
import { invalidError } from '../../machinery/errors.ts';
import { forbidden } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionPlugin } from './plugin.ts';

const label = 'resource.kubernetes.io/admin-access';

/** What each of the two kinds asks for. */
const claimSpecs: Readonly<Record<string, (object: KubeObject) => any>> = {
  resourceclaims: (claim) => claim.spec,
  resourceclaimtemplates: (template) => template.spec.spec,
};

export const deviceAdminAccess: AdmissionPlugin = {
  name: 'DeviceAdminAccess',
  handles: ({ operation, kind, subresource }) =>
    operation === 'CREATE' && kind.group === 'resource.k8s.io' && subresource === '' && kind.plural in claimSpecs,
  async validate({ object, kind, name, namespace }, { store, kinds }) {
    const requests: any[] = claimSpecs[kind.plural]!(object!).devices?.requests ?? [];
    const i = requests.findIndex((request) => request.exactly?.adminAccess);
    if (i < 0) return;
    const found = await store.find(kinds.kind('', 'Namespace'), '', namespace);
    if (found?.object.metadata.labels?.[label] === 'true') return;
    const why = `admin access to devices requires the \`${label}: true\` label on the containing namespace`;
    const path = `spec.devices.requests[${i}].adminAccess`;
    throw invalidError(kind, name, [forbidden(path, why)]);
  },
};
