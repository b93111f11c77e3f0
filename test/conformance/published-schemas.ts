// What OpenAPI and kubectl say of custom resources: their schemas as they are defined, and as they are published.
import assert from 'node:assert/strict';
import { eventually } from '../environment/kubectl.ts';
import type { Space } from './cluster.ts';
import { define, definition, typeOf, undefine } from './custom-resources.ts';

const described = (description: string, type: string, more: object = {}) => ({ description, type, ...more });
const list = (description: string, items: object) => described(description, 'array', { items });
const root = (description: string, spec: object, status: object, more: object = {}) =>
  described(description, 'object', { properties: { spec, status }, ...more });

const dummySpec = (more: object = {}) =>
  described('Specification of Waldo', 'object', {
    properties: { dummy: described('Dummy property.', 'object') },
    ...more,
  });
const bars = 'List of Bars and their statuses.';
const barName = described('Name of Bar.', 'string');
const dummyStatus = described('Status of Waldo', 'object', { properties: { bars: list(bars, { type: 'object' }) } });
const preserving = { 'x-kubernetes-preserve-unknown-fields': true };

export const schemas = {
  foo: root(
    'Foo CRD for Testing',
    described('Specification of Foo', 'object', {
      properties: {
        bars: list('List of Bars and their specs.', {
          type: 'object',
          required: ['name'],
          properties: {
            name: barName,
            age: described('Age of Bar.', 'string'),
            feeling: described('Whether Bar is feeling great.', 'string', { enum: ['Great', 'Down'] }),
            bazs: list('List of Bazs.', { type: 'string' }),
          },
        }),
      },
    }),
    described('Status of Foo', 'object', {
      properties: {
        bars: list(bars, {
          type: 'object',
          properties: {
            name: barName,
            available: described('Whether the Bar is installed.', 'boolean'),
            quxType: described('Indicates to external qux type.', 'string', { pattern: 'in-tree|out-of-tree' }),
          },
        }),
      },
    }),
  ),
  waldo: root('Waldo CRD for Testing', dummySpec(), dummyStatus),
  preserveRoot: root('preserve-unknown-properties at root for Testing', dummySpec(), dummyStatus, preserving),
  preserveNested: root('preserve-unknown-properties in nested field for Testing', dummySpec(preserving), dummyStatus),
};

/** Reads `/openapi/v2` as clients that keep what they have: by its ETag. */
class Document {
  readonly #space: Space;
  #etag = '';
  #known: any;

  constructor(space: Space) {
    this.#space = space;
  }

  async read(): Promise<any> {
    const headers: Record<string, string> = this.#etag ? { 'if-none-match': this.#etag } : {};
    const answer = await this.#space.request('GET', '/openapi/v2', { headers });
    if (answer.code === 304) return this.#known;
    assert.equal(answer.code, 200);
    this.#etag = answer.headers.get('etag') ?? '';
    assert.match(this.#etag, /^"[0-9A-F]+"$/);
    this.#known = answer.body;
    return this.#known;
  }
}

/** A definition of custom resources whose schemas are published. */
export class Published {
  readonly crd: any;
  readonly #space: Space;
  readonly #document: Document;

  private constructor(space: Space, crd: any) {
    this.#space = space;
    this.#document = new Document(space);
    this.crd = crd;
  }

  /** Defines it and waits until all versions are published, as `wanted` if that is given. */
  static async setUp(
    space: Space,
    suffix: string,
    versions: readonly string[],
    schema: object,
    wanted?: object,
  ): Promise<Published> {
    const group = `crd-publish-openapi-test-${suffix}.example.com`;
    const body = definition({ group, isNamespaced: true, versions: versions.map((name) => ({ name, schema })) });
    const published = new Published(space, await define(space, body));
    for (const version of versions) await published.isPublished(version, wanted);
    return published;
  }

  #nameOf(version: string): string {
    const { group, names } = this.crd.spec;
    return [...group.split('.').toReversed(), version, names.kind].join('.');
  }

  /** Waits until a version is published, with this schema. */
  async isPublished(version: string, wanted?: object): Promise<void> {
    let last: any;
    await eventually(`${this.#nameOf(version)} is published`, async () => {
      last = (await this.#document.read()).definitions[this.#nameOf(version)];
      return last;
    });
    if (!wanted) return;
    const { properties: { metadata: _m, apiVersion: _v, kind: _k, ...properties } = {} as any, ...rest } = last;
    const { 'x-kubernetes-group-version-kind': types, ...schema } = rest;
    assert.deepEqual(types, [{ group: this.crd.spec.group, version, kind: this.crd.spec.names.kind }]);
    const seen = Object.keys(properties).length > 0 ? { ...schema, properties } : schema;
    assert.deepEqual(seen, wanted);
  }

  async isWithdrawn(version: string): Promise<void> {
    await eventually(`${this.#nameOf(version)} is not published`, async () => {
      const { definitions } = await this.#document.read();
      return !(this.#nameOf(version) in definitions);
    });
  }

  #input(rest: object): string {
    return JSON.stringify({ ...typeOf(this.crd), metadata: { name: 'test-cr' }, ...rest });
  }

  #run(args: string[], input?: string): string {
    const { code, stdout, stderr } = this.#space.kubectl(args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** kubectl creates and deletes it, then applies and deletes it. */
  async comesAndGoes(rest: object): Promise<void> {
    for (const verb of ['create', 'apply']) {
      this.#run([verb, '-f', '-'], this.#input(rest));
      this.#run(['delete', this.crd.spec.names.plural, 'test-cr']);
    }
  }

  async isRefused(rest: object, why: RegExp): Promise<void> {
    for (const verb of ['create', 'apply']) {
      const { code, stderr } = this.#space.kubectl([verb, '-f', '-'], this.#input(rest));
      assert.equal(code, 1);
      assert.match(stderr, why);
    }
  }

  async explains(below: string, pattern: RegExp): Promise<void> {
    assert.match(this.#run(['explain', `${this.crd.spec.names.plural}${below}`]), pattern);
  }

  async explainsNot(below: string, why: RegExp): Promise<void> {
    const { code, stderr } = this.#space.kubectl(['explain', `${this.crd.spec.names.plural}${below}`]);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }

  async takeDown(): Promise<void> {
    await undefine(this.#space, this.crd);
    for (const { name } of this.crd.spec.versions) await this.isWithdrawn(name);
  }
}
