// Gives every namespace its `default` service account. Upstream: the serviceaccount controller.
import { NamespaceKind } from '../api/core/namespace.ts';
import { ServiceAccountKind } from '../api/core/serviceaccount.ts';
import { defineController } from '../client/controller.ts';
import { unlessInVain } from './pods/pod-control.ts';

const accountName = 'default';

export const serviceAccountController = defineController({
  name: 'serviceaccount-controller',
  kind: NamespaceKind,
  related: [
    {
      kind: ServiceAccountKind,
      // A new account concerns nobody; a deleted one is made again.
      keys: (account, old) => (!account && old.metadata.name === accountName ? [old.metadata.namespace] : []),
    },
  ],
  deps: (context) => ({
    accounts: context.informer(ServiceAccountKind).lister,
    create: context.resource(ServiceAccountKind).create,
  }),
  async reconcile(namespace, { accounts, create }) {
    const { name = '', deletionTimestamp } = namespace.metadata;
    if (deletionTimestamp || accounts.get(`${name}/${accountName}`)) return undefined;
    await unlessInVain(create({ metadata: { name: accountName, namespace: name } }));
  },
});
