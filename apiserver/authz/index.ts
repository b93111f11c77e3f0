// The authorizers, in the order in which they are asked.
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type Authorizer, authorizeInOrder } from './attributes.ts';
import { createNodeAuthorizer } from './node.ts';
import { createRbacAuthorizer } from './rbac.ts';

export function createAuthorizer(store: ObjectStore, kinds: KindTable): Authorizer {
  return authorizeInOrder([createNodeAuthorizer(store, kinds), createRbacAuthorizer(store, kinds)]);
}
