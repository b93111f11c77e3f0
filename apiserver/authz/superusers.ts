// The group that may do everything, whatever other authorizers say. Upstream: the privileged group.
import type { AuthorizationMode } from './attributes.ts';

const everything = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];
const has = (user: { groups: readonly string[] }) => user.groups.includes('system:masters');

export const superusers: AuthorizationMode = {
  authorize: ({ user }) => ({ allowed: has(user), reason: '' }),
  // Its rules are those of the role cluster-admin.
  rulesFor: () => ({ rules: [] }),
};

/** The mode AlwaysAllow. */
export const alwaysAllow: AuthorizationMode = {
  authorize: () => ({ allowed: true, reason: '' }),
  rulesFor: () => ({ rules: everything }),
};

/** The mode AlwaysDeny: nobody but those above may do anything, as nobody else is asked. */
export const alwaysDeny: AuthorizationMode = {
  authorize: () => ({ allowed: false, reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [] }),
};
