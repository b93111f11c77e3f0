import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { Draw } from '../test/environment/fuzz.ts';
import { finish } from './steps.ts';
import { readYaml } from './yaml-reader.ts';
import { yamlInSteps } from './yaml-writer.ts';

const writeYaml = (value: unknown) => finish(yamlInSteps(value));

describe('writeYaml', () => {
  const table: [value: unknown, text: string][] = [
    [{ a: 1, b: [1, 'x', { c: 'd', e: [] }, [2, [3]]], f: {} },
      'a: 1\nb:\n- 1\n- x\n- c: d\n  e: []\n- - 2\n  - - 3\nf: {}\n'],
    [{ a: { b: { c: true } }, d: null }, 'a:\n  b:\n    c: true\nd: null\n'],
    [['yes', 'n', '0644', '1e3', 'a: b', 'a #b', '- a', '', ' a', 'null', '2026-01-01', '1:30', '<<', 'é'],
      ['yes', 'n', '0644', '1e3', 'a: b', 'a #b', '- a', '', ' a', 'null', '2026-01-01', '1:30', '<<', 'é']
        .map((text) => `- ${JSON.stringify(text)}\n`).join('')],
    [['nginx:1.2', 'a b.c', 'kube-system', 'https://a.b/c'], '- nginx:1.2\n- a b.c\n- kube-system\n- https://a.b/c\n'],
    [{ script: '#!/bin/sh\n\n\techo a\n', open: 'a\nb', more: 'a\n\n' },
      'script: |\n  #!/bin/sh\n\n  \techo a\nopen: |-\n  a\n  b\nmore: |+\n  a\n\n'],
    [{ off: 1, undefined: undefined, '': 2 }, '"off": 1\n"": 2\n'],
    [9223372036854775807n, '9223372036854775807\n'],
    ['a\u007f\u2028b', '"a\\u007f\\u2028b"\n'],
  ]; // biome-ignore format: one table
  for (const [value, want] of table)
    test(want.slice(0, 30), () => {
      assert.equal(writeYaml(value), want);
      if (typeof value !== 'bigint') assert.deepEqual(readYaml(want).value, JSON.parse(JSON.stringify(value)));
    });

  test('whatever it writes, readers of 1.1 and of 1.2 and our own read it back', () => {
    const parts = ['a', ' ', '\n', ':', '-', '#', '"', "'", '\t', '0', '1', '.', '~', 'y', '|', '>', '&', '*', '!', '%',
      '@', '`', '{', ']', ',', '?', 'é', '😀', '\u0085', '\u00a0', '\ufeff', '\r', '\\', 'null', 'true', '...', '---', '<<', '=']; // biome-ignore format: one table
    const text = (draw: Draw) => draw.many(6, () => draw.of(parts)).join('');
    const any = (draw: Draw, depth: number): unknown => {
      const shape = draw.below(depth > 4 ? 3 : 5);
      if (shape < 2) return text(draw);
      if (shape === 2) return draw.of([0, -1, 1.5, 1e21, true, null]);
      if (shape === 3) return draw.many(4, () => any(draw, depth + 1));
      return Object.fromEntries(draw.many(4, () => [text(draw), any(draw, depth + 1)]));
    };
    for (let seed = 1; seed <= 3_000; seed++) {
      const value = any(new Draw(seed), 0);
      const written = writeYaml(value);
      assert.deepEqual(readYaml(written).value, value, `seed ${seed}: ${written}`);
      for (const version of ['1.1', '1.2'] as const)
        assert.deepEqual(parse(written, { version, merge: false }), value, `seed ${seed}, ${version}: ${written}`);
    }
  });

  test('time grows with the value alone', () => {
    const values: unknown[] = [
      Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, 'v'])),
      Array(200_000).fill({}),
      'a\n'.repeat(1_000_000),
      ' \n'.repeat(1_000_000),
      'a '.repeat(1_000_000),
    ];
    for (const value of values) {
      const start = process.cpuUsage();
      writeYaml(value);
      assert.ok(process.cpuUsage(start).user < 3_000_000);
    }
  });
});
