// Which requirements of the conformance programme have a test here.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../integration/cli/k8ts-command.ts';
import { elsewhere } from './elsewhere.ts';

const reference = join(projectRoot, '../shared/reference/conformance');
const skip = existsSync(reference) ? false : 'the list of requirements is not here';
const here = join(projectRoot, 'test/conformance');
const tests = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(here, name), 'utf8'))
  .join('\n');

describe('every requirement has its test', { skip }, () => {
  const files = skip ? [] : readdirSync(reference).filter((name) => name.endsWith('.json'));
  for (const file of files) {
    test(file.replace('.json', ''), () => {
      const all: { name: string }[] = JSON.parse(readFileSync(join(reference, file), 'utf8'));
      const names = all.map(({ name }) => name.replace(/^\[sig-[a-z-]+\] /, '').replace(/ \[Conformance\]$/, ''));
      const missing = names.filter((name) => !tests.includes(name.replaceAll("'", "\\'")) && !tests.includes(name));
      assert.deepEqual(
        missing.filter((name) => !(name in elsewhere)),
        [],
      );
    });
  }
});
