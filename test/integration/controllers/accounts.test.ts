// The accounts that controllers act as are those that a new cluster has roles for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerRoles } from '../../../apiserver/bootstrap/controller-roles.ts';
import { controllerNames } from '../../../controllers/names.ts';

/** Their roles lie in the namespaces that they work in. */
const namespaced = ['bootstrap-signer', 'token-cleaner'];

test('every account has its role', () => {
  const roles = new Set(controllerRoles.map((role) => role.name));
  const accounts = Object.values(controllerNames).flatMap(({ account }) => account ?? []);
  const without = accounts.filter((name) => !namespaced.includes(name) && !roles.has(`system:controller:${name}`));
  assert.deepEqual(without, []);
});
