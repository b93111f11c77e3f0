import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Mounts } from '../../host/mounts.ts';
import { buildMounts } from './mounts.ts';

describe('a sub-path out of variables', () => {
  const refused: [expression: string, message: string][] = [
    ['$(B)/$(EMPTY)/$(A)/$(B)', 'missing value for A, B, EMPTY'],
    ['$(ROOT)', 'error SubPath `/etc` must not be an absolute path'],
    ['a/$(UP)', "unable to provision SubPath `a/..`: must not contain '..'"],
  ];
  for (const [subPathExpr, message] of refused) {
    test(`${subPathExpr} is refused`, () =>
      assert.rejects(
        buildMounts(
          { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr }] },
          {
            images: new Map(),
            volumes: new Map(),
            environment: new Map(Object.entries({ EMPTY: '', ROOT: '/etc', UP: '..' })),
            hostsFile: '',
            terminationLog: '',
            subPathDir: '',
            mounts: {} as Mounts,
          },
        ),
        { message },
      ));
  }
});
