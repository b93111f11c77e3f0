// Users of containers, resolved with the image's own passwd and group.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseGroup, parsePasswd, resolveUser, type UserWish } from './user.ts';

const passwd = parsePasswd('root:x:0:0:root:/root:/bin/sh\n# note\nguest:x:1000:1001::/home/guest:/bin/sh\n');
const groups = parseGroup('root:x:0:\nguests:x:1001:\nextra:x:1234:guest,other\n');
const wish: UserWish = { supplementalGroups: [], policy: 'Merge', imageUser: '' };

describe('resolveUser()', () => {
  const cases: [string, Partial<UserWish>, object][] = [
    ['nothing is root', {}, { uid: 0, gid: 0, supplementalGroups: [0], home: '/root' }],
    [
      'a name of the image',
      { imageUser: 'guest' },
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 1234], home: '/home/guest' },
    ],
    [
      'name and group',
      { imageUser: 'guest:root' },
      { uid: 1000, gid: 0, supplementalGroups: [0, 1234], home: '/home/guest' },
    ],
    ['an unknown number', { imageUser: '77' }, { uid: 77, gid: 0, supplementalGroups: [0], home: '/' }],
    [
      "the pod's uid wins",
      { uid: 1000, imageUser: 'root:root' },
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 1234], home: '/home/guest' },
    ],
    [
      "the pod's group",
      { uid: 5, gid: 9, supplementalGroups: [10] },
      { uid: 5, gid: 9, supplementalGroups: [9, 10], home: '/' },
    ],
    [
      'strict groups',
      { username: 'guest', policy: 'Strict', supplementalGroups: [8] },
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 8], home: '/home/guest' },
    ],
  ];
  for (const [name, change, expected] of cases) {
    test(name, () => assert.deepEqual(resolveUser({ ...wish, ...change }, passwd, groups), expected));
  }
  test('digits are never a name', () => {
    const traps = parsePasswd('1000:x:0:0::/root:/bin/sh\n');
    const trapGroups = parseGroup('7:x:0:\n');
    assert.equal(resolveUser({ ...wish, uid: 1000 }, traps, trapGroups).uid, 1000);
    const fromImage = resolveUser({ ...wish, imageUser: '1000:7' }, traps, trapGroups);
    assert.deepEqual([fromImage.uid, fromImage.gid], [1000, 7]);
  });
  test('numbers that would wrap around to another user are refused', () => {
    for (const imageUser of ['4294967296', '2147483648', '5:4294967296'])
      assert.throws(() => resolveUser({ ...wish, imageUser }, passwd, groups), /must be in range/);
    const broken = parsePasswd('odd:x:nobody:0::/:/bin/sh\n');
    assert.throws(() => resolveUser({ ...wish, imageUser: 'odd' }, broken, groups), /must be in range/);
  });
  test('a group without a user is refused', () =>
    assert.throws(() => resolveUser({ ...wish, gid: 5 }, passwd, groups), /without user/));
  test('unknown names are refused', () => {
    assert.throws(() => resolveUser({ ...wish, username: 'nobody' }, passwd, groups), /unable to find user nobody/);
    assert.throws(() => resolveUser({ ...wish, imageUser: 'guest:nope' }, passwd, groups), /unable to find group nope/);
  });
});
