// Deletes bootstrap tokens once they have expired. Upstream: tokencleaner in pkg/controller/bootstrap.
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-secret-format
import { tokenLeftMs } from '../api/core/secret/bootstrap-token.ts';
import { SecretKind } from '../api/core/secret.ts';
import { defineController } from '../client/controller.ts';
import { deleteSeen } from '../client/delete-seen.ts';
import { bootstrapTokens } from './bootstrap-signer.ts';

export const tokenCleanerController = defineController({
  name: 'token-cleaner-controller',
  kind: SecretKind,
  options: bootstrapTokens,
  deps: (context) => ({ clock: context.clock, client: context.resource(SecretKind) }),
  async reconcile(secret, { clock, client }) {
    const leftMs = tokenLeftMs(secret, clock.now());
    if (leftMs > 0) return Number.isFinite(leftMs) ? { requeueAfterMs: leftMs } : undefined;
    await deleteSeen(client, secret);
  },
});
