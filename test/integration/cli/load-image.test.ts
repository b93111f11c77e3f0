// `k8ts load docker-image` with a docker that is a script: it saves an archive as docker does.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { imageArchive, recipes } from '../../images/images.ts';
import { k8ts, needsRoot, testCluster } from './k8ts-command.ts';

test('images of docker go into the nodes; what docker does not have is said in its words', {
  skip: needsRoot,
}, async () => {
  using cluster = testCluster('docker');
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-docker-'));
  try {
    copyFileSync(await imageArchive('echo'), join(dir, 'saved.tar'));
    const script = `#!/bin/sh\n[ "$4" = there ] || { echo "no such image: $4" >&2; exit 1; }\ncp ${dir}/saved.tar "$3"\n`;
    writeFileSync(join(dir, 'docker'), script, { mode: 0o755 });
    const load = (image: string, path = `${dir}:${process.env.PATH}`) =>
      k8ts(['load', 'docker-image', image, '--name', cluster.name], { env: { PATH: path } });
    assert.equal(cluster.run('up').code, 0);
    const loaded = load('there');
    assert.equal(loaded.code, 0, loaded.stderr);
    assert.ok(loaded.stdout.includes(`${cluster.name}-control-plane: ${recipes.echo.name}`), loaded.stdout);
    const missing = load('missing');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /docker could not save missing: .*no such image: missing/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
