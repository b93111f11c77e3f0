import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecurityProfile } from '../../../proto/cri.gen.ts';
import { chooseAppArmorProfile, parseProfileNames } from './apparmor.ts';

const runtimeDefault: SecurityProfile = { profile_type: 'RuntimeDefault', localhost_ref: '' };
const unconfined: SecurityProfile = { profile_type: 'Unconfined', localhost_ref: '' };
const localhost = (name: string): SecurityProfile => ({ profile_type: 'Localhost', localhost_ref: name });
const hostWith = (...names: string[]) => ({ isEnabled: true, isLoaded: (name: string) => names.includes(name) });
const none = { isEnabled: false, isLoaded: () => false };
const full = hostWith('k8ts-default', 'mine');

test('the profile of a container', () => {
  const choose = (wanted: SecurityProfile | null, host = full, isPrivileged = false) =>
    chooseAppArmorProfile(wanted, { isPrivileged, host });
  assert.equal(choose(null), 'k8ts-default');
  assert.equal(choose(runtimeDefault), 'k8ts-default');
  assert.equal(choose(unconfined), undefined);
  assert.equal(choose(localhost('mine')), 'mine');
  assert.equal(choose(localhost('localhost/mine')), 'mine');
  assert.throws(() => choose(localhost('other')), /apparmor spec opts: apparmor profile not found other$/);
  assert.equal(choose(null, full, true), undefined);
  assert.equal(choose(runtimeDefault, full, true), undefined);
  assert.equal(choose(localhost('mine'), full, true), 'mine');
  assert.equal(choose(null, hostWith()), undefined, 'who asked for nothing runs all the same');
  assert.throws(() => choose(runtimeDefault, hostWith()), /apparmor profile not found k8ts-default$/);
  assert.equal(choose(null, none), undefined);
  assert.equal(choose(unconfined, none), undefined);
  for (const wanted of [runtimeDefault, localhost('mine')])
    assert.throws(() => choose(wanted, none), /apparmor is not supported$/);
});

test('names of profiles, with what they may hold', () => {
  const text = 'k8ts-default (enforce)\n/usr/bin/man (complain)\nfoo//null-/bin/x (y) (unconfined)\n';
  const names = parseProfileNames(text);
  for (const name of ['k8ts-default', '/usr/bin/man', 'foo//null-/bin/x (y)']) assert.ok(names.has(name), name);
});
