import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAppArmorProfile, profileText } from './apparmor.ts';

test('the profile is given to the compiler, where the machine has AppArmor', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-apparmor-test-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [enabled, loaded, parser] = ['enabled', 'loaded', 'apparmor_parser'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const said: string[] = [];
  const load = () => loadAppArmorProfile((line) => said.push(line), { enabled, programs: [dir] });
  const stub = (script: string) => writeFileSync(parser, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await load();
  writeFileSync(enabled, 'N\n');
  await load();
  assert.deepEqual(said, [], 'nothing is asked for where there is none');
  writeFileSync(enabled, 'Y\n');
  await load();
  assert.match(said.pop()!, /^apparmor_parser is missing: containers run without .* Install the package apparmor/);
  stub(`[ "$1" = --replace ] && cp "$3" ${loaded}`);
  await load();
  assert.equal(readFileSync(loaded, 'utf8'), profileText);
  stub('echo "line 3: no" >&2; exit 1');
  await load();
  assert.match(said.pop()!, /line 3: no: containers run without/);
  assert.deepEqual(said, []);
});
