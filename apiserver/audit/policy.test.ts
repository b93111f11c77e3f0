// Which rule of a policy a request falls under, and which policies are refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../../machinery/config-file.ts';
import { requestInfoOf } from '../request-info.ts';
import { auditPolicyForm, decide } from './policy.ts';

const text = (policy: object) => JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy });
const parse = (policy: object) => parseConfig(text(policy), 'policy.yaml', auditPolicyForm);
const user = { username: 'ann', groups: ['dev', 'system:authenticated'] };
const infoOf = (request: string) => {
  const [method = '', url = ''] = request.split(' ');
  return requestInfoOf(method, url);
};

const pod = 'GET /api/v1/namespaces/a/pods/p';
const log = 'GET /api/v1/namespaces/a/pods/p/log';
const scale = 'GET /apis/apps/v1/namespaces/a/deployments/d/scale';
const nodes = 'GET /api/v1/nodes';

describe('a rule fits', () => {
  const pods = (...resources: string[]) => ({ resources: [{ group: '', resources }] });
  const cases: [string, object, string[], string[]][] = [
    ['everything', {}, [pod, log, nodes, 'GET /healthz'], []],
    ['users', { users: ['ann'] }, [pod], []],
    ['other users', { users: ['bob'] }, [], [pod]],
    ['groups', { userGroups: ['ops', 'dev'] }, [pod], []],
    ['verbs', { verbs: ['list', 'watch'] }, [nodes, 'GET /api/v1/nodes?watch=1'], [pod]],
    ['namespaces', { namespaces: ['a'] }, [pod, scale], [nodes, 'GET /healthz']],
    ['no namespace', { namespaces: [''] }, [nodes], [pod, 'GET /healthz']],
    ['a group whole', { resources: [{ group: 'apps' }] }, [scale], [pod]],
    ['resources, not their subresources', pods('pods'), [pod], [log, nodes]],
    ['one subresource', pods('pods/log'), [log], [pod]],
    ['all of a resource', pods('pods/*'), [log, pod], [nodes]],
    ['a subresource of any', { resources: [{ group: 'apps', resources: ['*/scale'] }] }, [scale], [pod]],
    ['all resources and subresources', pods('*'), [pod, log, nodes], [scale]],
    ['names', { resources: [{ group: '', resources: ['pods'], resourceNames: ['p'] }] }, [pod], [`${pod}2`]],
    ['paths', { nonResourceURLs: ['/healthz*', '/version'] }, ['GET /healthz/etcd', 'GET /version'], [pod, 'GET /x']],
  ];
  for (const [name, rule, fit, others] of cases) {
    test(name, () => {
      const policy = parse({ rules: [{ level: 'Request', ...rule }, { level: 'Metadata' }] });
      for (const request of fit) assert.equal(decide(policy, infoOf(request), user).level, 'Request', request);
      for (const request of others) assert.equal(decide(policy, infoOf(request), user).level, 'Metadata', request);
    });
  }

  test('the first decides, none is None, what is left out adds up', () => {
    const rules = [
      { level: 'None', resources: [{ group: '', resources: ['nodes'] }] },
      { level: 'Metadata', namespaces: ['a'], omitStages: ['Panic'], omitManagedFields: false },
    ];
    const policy = parse({ rules, omitStages: ['RequestReceived'], omitManagedFields: true });
    assert.equal(decide(policy, infoOf(nodes), user).level, 'None');
    assert.equal(decide(policy, infoOf('GET /x'), user).level, 'None');
    assert.deepEqual(decide(policy, infoOf(pod), user), {
      level: 'Metadata',
      omitStages: new Set(['RequestReceived', 'Panic']),
      omitManagedFields: false,
    });
  });
});

describe('a policy that is refused', () => {
  const cases: [string, object, RegExp][] = [
    ['no rules', {}, /a policy with no rules/],
    ['no level', { rules: [{}] }, /rules\[0\]\.level: Required value/],
    ['another level', { rules: [{ level: 'All' }] }, /rules\[0\]\.level: Unsupported value: "All"/],
    ['both kinds', { rules: [{ level: 'None', nonResourceURLs: ['/x'], namespaces: ['a'] }] }, /cannot apply to both/],
    ['a relative path', { rules: [{ level: 'None', nonResourceURLs: ['x'] }] }, /must begin with a '\/'/],
    ['a star within', { rules: [{ level: 'None', nonResourceURLs: ['/x*y'] }] }, /must be the final character/],
    [
      'names of nothing',
      { rules: [{ level: 'None', resources: [{ resourceNames: ['x'] }] }] },
      /at least one resource/,
    ],
    ['another stage', { rules: [{ level: 'None' }], omitStages: ['Begin'] }, /omitStages\[0\]: Unsupported value/],
    ['an unknown field', { rules: [{ level: 'None', user: ['x'] }] }, /unknown field "rules\[0\]\.user"/],
    ['another kind', { kind: 'Pod', rules: [] }, /apiVersion audit\.k8s\.io\/v1 and kind Policy/],
  ];
  for (const [name, policy, why] of cases) test(name, () => assert.throws(() => parse(policy), why));
});
