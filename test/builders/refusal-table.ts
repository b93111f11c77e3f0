// Tables of what pods are refused for: a row shows a part of a spec and all errors that it has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setPodDefaults } from '../../api/core/pod/defaults.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { deepFreeze } from '../../machinery/json.ts';

export type Row = [part: object, ...errors: string[]];

/** As it is validated: decoded, with its defaults. */
export function makePod(spec: object, metadata: object = {}, status: object = {}): Pod {
  const body = { metadata: { name: 'p', namespace: 'ns', ...metadata }, spec, status };
  const pod = decodeValue(PodKind.storage.schema, body).value as Pod;
  setPodDefaults(pod);
  return pod;
}

export const shown = (errors: readonly { field: string; detail: string }[]) =>
  errors.map((e) => `${e.field}: ${e.detail}`);
export const container = { name: 'c', image: 'i' };

/** A table of parts that `specOf` makes a spec of; the errors' fields are shown without `prefix`. */
export function refusalTable(name: string, prefix: string, specOf: (part: any) => object, rows: Row[]): void {
  test(name, () => {
    for (const [part, ...want] of rows) {
      const pod = deepFreeze(makePod({ containers: [container], ...specOf(part) }));
      const errors = shown(PodKind.validate!(pod)).map((e) => (e.startsWith(prefix) ? e.slice(prefix.length) : e));
      assert.deepEqual(errors, want, JSON.stringify(part).slice(0, 200));
    }
  });
}

export const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const labelValueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
export const namePartText =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
