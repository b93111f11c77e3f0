// A user as the server knows them.
// Shared by the reviews of tokens and of the caller.
import { atomic, s, type TypeOf } from '../../machinery/schema.ts';

export const userInfo = s.api('authentication.v1.UserInfo', 'A user as the server knows them.', {
  extra: s.map(s.list(s.string(''), ''), 'More facts from the authenticator.'),
  groups: s.list(s.string(''), 'Groups of the user.', atomic),
  uid: s.string('Id that stays when the name changes.'),
  username: s.string('Name of the user.'),
});
export interface UserInfo extends TypeOf<typeof userInfo> {}
