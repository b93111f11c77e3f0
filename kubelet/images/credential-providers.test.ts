import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { openCredentialProviders } from './credential-providers.ts';

const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
const auth = { 'r.example': { username: 'u', password: 'p' } };
const answer = (rest: object) =>
  JSON.stringify({ apiVersion, kind: 'CredentialProviderResponse', cacheKeyType: 'Image', auth, ...rest });

/** Providers by what their program does, in a shell, and a pod's way to ask them. */
function open(script: string, config: object = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'providers-'));
  try {
    return openIn(dir, script, config);
  } catch (err) {
    rmSync(dir, { recursive: true });
    throw err;
  }
}

function openIn(dir: string, script: string, config: object) {
  writeFileSync(join(dir, 'plugin'), `#!/bin/sh\nprintf '%s\\n' "$(cat)" >> ${dir}/asked\n${script}\n`, {
    mode: 0o755,
  });
  const base = { name: 'plugin', apiVersion, matchImages: ['*.example'], defaultCacheDuration: '10m', ...config };
  const head = { apiVersion: 'kubelet.config.k8s.io/v1', kind: 'CredentialProviderConfig' };
  writeFileSync(join(dir, 'config.yaml'), JSON.stringify({ ...head, providers: [base] }));
  const clock = new FakeClock();
  let seen = 0;
  const warnings: string[] = [];
  const log = {
    ...silentLogger,
    warn: (fields: { err: Error; provider: string; image: string }) =>
      warnings.push(`${fields.provider} ${fields.image}: ${fields.err.message}`),
  };
  const ask = openCredentialProviders(
    { configPath: join(dir, 'config.yaml'), binDir: dir, env: { PATH: process.env.PATH, OWN: 'own', SAME: 'kubelet' } },
    {
      clock,
      log: log as unknown as typeof silentLogger,
      tokens: {
        get: async ({ metadata }, { audience }) => {
          return { value: `${metadata.name} for ${audience}`, refreshAtMs: 0, expiresAtMs: 0 };
        },
      },
      account: async (namespace, name) => {
        if (name === 'gone') throw new Error('serviceaccounts "gone" not found');
        const annotations: Record<string, string> = name === 'bare' ? {} : { role: name, other: 'o' };
        return { metadata: { name, namespace, uid: `uid-${name}`, annotations } };
      },
    },
  );
  return {
    clock,
    warnings,
    ask: async (image = 'r.example/a:1', spec: object = {}, name = 'p') => {
      const [source, ...others] = await ask(
        { metadata: { name, namespace: 'ns', uid: name }, spec: { containers: [], ...spec } } as Pod,
        image,
      );
      assert.deepEqual(others, []);
      return source && { entries: source.entries, access: source.accessOf('') };
    },
    /** What it was asked since. */
    asked: () => {
      const requests = readFileSync(join(dir, 'asked'), { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1);
      const since = requests.slice(seen).map((line) => JSON.parse(line));
      seen = requests.length;
      return since;
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

describe('a credential provider', () => {
  test('is asked about its images, with its arguments and variables', async () => {
    const script = `printf '%s' '${answer({ auth: { 'r.example': { username: '@1', password: '@2' } } })}' | sed "s/@1/$1 $#/; s/@2/$OWN $SAME/"`;
    using provider = open(script, { args: ['get it', 'now'], env: [{ name: 'SAME', value: 'set' }] });
    assert.equal(await provider.ask('elsewhere.org/a'), undefined);
    assert.deepEqual(await provider.ask('r.example/a:1'), {
      entries: { 'r.example': { username: 'get it 2', password: 'own set' } },
      access: { nodePodsAccessible: true },
    });
    assert.deepEqual(provider.asked(), [{ kind: 'CredentialProviderRequest', apiVersion, image: 'r.example/a' }]);
    assert.deepEqual(provider.warnings, []);
  });

  const kept: [what: object, asked: string[]][] = [
    [{ cacheKeyType: 'Image' }, ['r.example/a', 'r.example/b', 's.example/a']],
    [{ cacheKeyType: 'Registry' }, ['r.example/a', 's.example/a']],
    [{ cacheKeyType: 'Global' }, ['r.example/a']],
    [{ cacheDuration: '0s' }, ['r.example/a', 'r.example/a', 'r.example/b', 's.example/a']],
  ];
  for (const [what, asked] of kept)
    test(`its answer is kept: ${JSON.stringify(what)}`, async () => {
      using provider = open(`echo '${answer(what)}'`);
      const images = ['r.example/a', 'r.example/a:2', 'r.example/b', 's.example/a'];
      for (const image of images) assert.deepEqual((await provider.ask(image))?.entries, auth);
      assert.deepEqual(
        provider.asked().map(({ image }) => image),
        asked,
      );
    });

  test('its answer is kept for as long as it says, or its configuration', async () => {
    for (const [what, keptMs] of [
      [{ cacheDuration: '1m30s' }, 90_000],
      [{}, 600_000],
    ] as const) {
      using provider = open(`echo '${answer(what)}'`);
      for (const [passedMs, times] of [
        [0, 1],
        [keptMs, 0],
        [1, 1],
      ] as const) {
        await provider.clock.advance(passedMs);
        await provider.ask();
        assert.equal(provider.asked().length, times, `${keptMs} ${passedMs}`);
      }
    }
  });

  test('is asked once by those who ask the same at a time', async () => {
    using provider = open(`echo '${answer({ cacheDuration: '0s' })}'`);
    await Promise.all([provider.ask(), provider.ask(), provider.ask('r.example/b')]);
    assert.deepEqual(
      provider
        .asked()
        .map(({ image }) => image)
        .sort(),
      ['r.example/a', 'r.example/b'],
    );
  });

  const failures: [what: string, script: string, warning: string][] = [
    ['that fails', 'echo no key >&2; exit 3', 'plugin: no key'],
    [
      'that answers something else',
      'echo hello secret',
      `plugin: it must have apiVersion ${apiVersion} and kind CredentialProviderResponse`,
    ],
    [
      'that answers in no form',
      `echo '${answer({ auth: { a: { password: 17 } } })}'`,
      'plugin: its answer is no CredentialProviderResponse',
    ],
    [
      'of another version',
      `echo '${answer({ apiVersion: 'v2' })}'`,
      `plugin: it must have apiVersion ${apiVersion} and kind CredentialProviderResponse`,
    ],
    [
      'that does not say what it is for',
      `echo '${answer({ cacheKeyType: 'Pod' })}'`,
      'plugin: cacheKeyType: Unsupported value: "Pod": supported values: "Image", "Registry", "Global"',
    ],
    [
      'that says a wrong time',
      `echo '${answer({ cacheDuration: '1' })}'`,
      'plugin: cacheDuration: Invalid value: "1": time: missing unit in duration "1"',
    ],
    ['that never ends its answer', 'exec cat /dev/zero', 'plugin: its output is larger than 1048576 bytes'],
  ];
  for (const [what, script, warning] of failures)
    test(`one ${what} is told of, and gives nothing`, async () => {
      using provider = open(script);
      assert.equal(await provider.ask(), undefined);
      assert.deepEqual(provider.warnings, [`plugin r.example/a: ${warning}`]);
    });

  test('one that hangs is ended after a minute', async () => {
    using provider = open('exec sleep 1000');
    const asking = provider.ask();
    while (provider.asked().length === 0) await setImmediate();
    await provider.clock.advance(60_000);
    assert.equal(await asking, undefined);
    assert.deepEqual(provider.warnings, ['plugin r.example/a: plugin: it did not answer within 60 seconds']);
  });

  test('one that is not there is refused at the start', () => {
    assert.throws(() => open('', { name: 'other' }), /^Error: credential provider other: ENOENT/);
  });
});

describe('a provider that wants a token', () => {
  const tokenAttributes = {
    serviceAccountTokenAudience: 'aud',
    cacheType: 'ServiceAccount',
    requireServiceAccount: true,
    requiredServiceAccountAnnotationKeys: ['role'],
    optionalServiceAccountAnnotationKeys: ['extra'],
  };
  const of = (serviceAccountName: string) => ({ serviceAccountName });
  const request = { kind: 'CredentialProviderRequest', apiVersion, image: 'r.example/a' };

  test('gets that of the pod’s account, with its annotations', async () => {
    using provider = open(`echo '${answer({})}'`, { tokenAttributes });
    assert.deepEqual(await provider.ask('r.example/a', of('x')), {
      entries: auth,
      access: { kubernetesServiceAccounts: [{ uid: 'uid-x', namespace: 'ns', name: 'x' }] },
    });
    assert.deepEqual(provider.asked(), [
      { ...request, serviceAccountToken: 'p for aud', serviceAccountAnnotations: { role: 'x' } },
    ]);
    await provider.ask('r.example/a', of('x'), 'q');
    assert.equal(provider.asked().length, 0, 'another pod of the account');
    await provider.ask('r.example/a', of('y'));
    assert.equal(provider.asked().length, 1, 'another account');
    for (const nobody of ['', 'bare']) assert.equal(await provider.ask('r.example/a', of(nobody)), undefined);
    assert.deepEqual([provider.asked(), provider.warnings], [[], []]);
    assert.equal(await provider.ask('r.example/a', of('gone')), undefined);
    assert.deepEqual(provider.warnings, ['plugin r.example/a: serviceaccounts "gone" not found']);
  });

  test('is asked without one for pods without an account, where that may be', async () => {
    const lax = { ...tokenAttributes, requireServiceAccount: false, requiredServiceAccountAnnotationKeys: undefined };
    using provider = open(`echo '${answer({})}'`, { tokenAttributes: lax });
    assert.deepEqual(await provider.ask(), { entries: auth, access: { nodePodsAccessible: true } });
    assert.deepEqual(provider.asked(), [request]);
  });

  test('may answer with it where answers are kept by token', async () => {
    const script = `echo '${answer({ auth: { r: { password: 'p for aud' } } })}'`;
    using strict = open(script, { tokenAttributes });
    assert.equal(await strict.ask('r.example/a', of('x')), undefined);
    assert.match(strict.warnings[0]!, /its password is the token of the account/);
    using provider = open(script, { tokenAttributes: { ...tokenAttributes, cacheType: 'Token' } });
    for (const pod of ['p', 'p', 'q']) assert.ok(await provider.ask('r.example/a', of('x'), pod));
    assert.equal(provider.asked().length, 2);
  });
});
