// Operations as the official JavaScript client has them, which is made from Kubernetes' own document.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kinds } from '../../api/index.ts';
import { KindTable } from '../registry/kind-table.ts';
import { buildModel, type Content, contentsOf } from './model.ts';
import { basePathOf, parameterTable } from './operations.ts';

interface Told {
  /** The operation's name without group and version. */
  name: string;
  query: string[];
  hasBody: boolean;
}

const folder = join(dirname(fileURLToPath(import.meta.resolve('@kubernetes/client-node'))), 'gen/apis');
const methodPattern = /\n {4}async (\w+)\([^)]*\) \{\n([\s\S]*?)\n {4}\}\n/g;

/** What the client asks for, by method and path. */
function clientsOperations(groupVersion: string): Map<string, Told> {
  const found = new Map<string, Told>();
  if (!readdirSync(folder).includes(`${groupVersion}Api.js`)) return found;
  for (const [, name, body] of readFileSync(join(folder, `${groupVersion}Api.js`), 'utf8').matchAll(methodPattern)) {
    const path = /localVarPath = '([^']*)'/.exec(body!)?.[1];
    const method = /HttpMethod\.(\w+)/.exec(body!)?.[1]?.toLowerCase();
    if (!path || !method) continue;
    const query = [...body!.matchAll(/setQueryParam\("(\w+)", ObjectSerializer\.serialize\(\w+, "(\w+)"/g)];
    found.set(`${method} ${path}`, {
      name: name!,
      query: query.map(([, key, type]) => `${key}: ${type}`).sort(),
      hasBody: /serialize\(body, /.test(body!),
    });
  }
  return found;
}

function ourOperations(content: Content, groupVersion: string): Map<string, Told> {
  const found = new Map<string, Told>();
  for (const { path, parameters, operations } of buildModel(content).paths) {
    for (const one of operations) {
      const all = [...parameters, ...one.parameters].filter((key) => parameterTable[key]!.in === 'query');
      found.set(`${one.method} ${path}`, {
        name: one.id.replace(groupVersion, ''),
        query: all.map((key) => `${key.slice(key.indexOf('?') + 1)}: ${typeOf(key)}`).sort(),
        hasBody: one.body !== undefined,
      });
    }
  }
  return found;
}

const typeOf = (key: string) => parameterTable[key]!.type.replace('integer', 'number');

describe('operations have the names, parameters and bodies that clients know', () => {
  const contents = contentsOf(new KindTable(kinds).groupVersions());
  for (const { groupVersions } of contents.values()) {
    const [gv] = groupVersions;
    if (!gv) continue;
    test(gv.apiVersion, (t) => {
      const [first] = buildModel({ groupVersions, others: [] }).paths;
      const groupVersion = first!.operations[0]!.id.replace(/^get|APIResources$/g, '');
      const theirs = clientsOperations(groupVersion);
      if (theirs.size === 0) return t.skip('a version that this client does not know');
      const ours = ourOperations({ groupVersions, others: [] }, groupVersion);
      for (const [operation, told] of theirs) assert.deepEqual(ours.get(operation), told, operation);
      assert.equal(first!.path, `${basePathOf(gv)}/`);
    });
  }

  test('what is no resource', () => {
    for (const [path, name] of [
      ['apis/apps', 'getAppsAPIGroup'],
      ['apis/rbac.authorization.k8s.io', 'getRbacAuthorizationAPIGroup'],
      ['apis', 'getAPIVersions'],
      ['api', 'getCoreAPIVersions'],
      ['version', 'getCodeVersion'],
    ] as const) {
      const [found] = buildModel(contents.get(path)!).paths;
      assert.deepEqual([found!.path, found!.operations.map(({ id }) => id)], [`/${path}/`, [name]]);
    }
  });
});
