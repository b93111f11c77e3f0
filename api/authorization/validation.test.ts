import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  validateLocalSubjectAccessReview,
  validateSelfSubjectAccessReview,
  validateSubjectAccessReview,
} from './validation.ts';

const at = 'spec.resourceAttributes';
const selecting = (selectors: object) => ({ user: 'me', resourceAttributes: selectors });
const noOne = 'spec.user: Invalid value: "": at least one of user or group must be specified';

const cases: [
  name: string,
  validate: (review: any) => { field: string; detail: string }[],
  review: object,
  want: string[],
][] = [
  [
    'an empty one',
    validateSubjectAccessReview,
    { spec: {} },
    [`${at}: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`, noOne],
  ],
  ['of a group', validateSubjectAccessReview, { spec: { groups: ['g'], resourceAttributes: {} } }, []],
  ['of oneself', validateSelfSubjectAccessReview, { spec: { resourceAttributes: {} } }, []],
  [
    'with a name',
    validateSelfSubjectAccessReview,
    { metadata: { name: 'a' }, spec: { resourceAttributes: {} } },
    ['metadata: Invalid value: {"name":"a"}: must be empty'],
  ],
  [
    'of a path in a namespace',
    validateLocalSubjectAccessReview,
    { metadata: { namespace: 'n' }, spec: { user: 'me', nonResourceAttributes: { path: '/x' } } },
    ['spec.nonResourceAttributes: Invalid value: {"path":"/x"}: disallowed on this kind of request'],
  ],
  [
    'of another namespace',
    validateLocalSubjectAccessReview,
    { metadata: { namespace: 'n' }, spec: selecting({ namespace: 'm' }) },
    [`${at}.namespace: Invalid value: "m": must match metadata.namespace`],
  ],
  [
    'a selector twice',
    validateSubjectAccessReview,
    {
      spec: selecting({
        fieldSelector: { rawSelector: 'foo', requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
      }),
    },
    [`${at}.fieldSelector.rawSelector: Invalid value: "foo": may not specified at the same time as requirements`],
  ],
  [
    'selectors of nothing',
    validateSubjectAccessReview,
    { spec: selecting({ fieldSelector: {}, labelSelector: {} }) },
    ['fieldSelector', 'labelSelector'].map(
      (of) =>
        `${at}.${of}.requirements: Required value: when ${at}.${of} is specified, requirements or rawSelector is required`,
    ),
  ],
  [
    'conditions that are none',
    validateSubjectAccessReview,
    {
      spec: selecting({
        fieldSelector: {
          requirements: [
            { key: '', operator: 'Exists', values: ['a'] },
            { key: 'a', operator: 'Later' },
          ],
        },
        labelSelector: {
          requirements: [
            { key: 'a b', operator: 'In' },
            { key: 'a', operator: 'Later' },
          ],
        },
      }),
    },
    [
      `${at}.fieldSelector.requirements[0].key: Required value: must be specified`,
      `${at}.fieldSelector.requirements[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
      `${at}.labelSelector.requirements[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
      `${at}.labelSelector.requirements[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
  ],
];

describe('access reviews', () => {
  for (const [name, validate, review, want] of cases) {
    test(name, () => {
      const errors = validate({ metadata: {}, ...review });
      assert.deepEqual(
        errors.map(({ field, detail }) => `${field}: ${detail}`),
        want,
      );
    });
  }
});
