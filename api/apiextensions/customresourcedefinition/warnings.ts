// What is told about a definition that is taken all the same.
import type { JSONSchemaProps } from './json-schema.ts';
import type { CustomResourceDefinition } from './schema.ts';
import { allSchemas } from './schema-walk.ts';

const textFormats =
  'bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn ' +
  'hexcolor rgbcolor byte password date duration datetime date-time k8s-short-name k8s-long-name';
const numberFormats = 'int32 int64 float double';
const knownFormats: Readonly<Record<string, ReadonlySet<string>>> = {
  string: new Set(textFormats.split(' ')),
  integer: new Set(numberFormats.split(' ')),
  number: new Set(numberFormats.split(' ')),
};

function unknownFormats({ spec }: CustomResourceDefinition): Set<string> {
  const unknown = new Set<string>();
  for (const { schema } of spec.versions ?? []) {
    for (const { type, format } of schema?.openAPIV3Schema ? allSchemas(schema.openAPIV3Schema) : noSchemas) {
      if (format && !knownFormats[type ?? '']?.has(format)) unknown.add(format);
    }
  }
  return unknown;
}

const noSchemas: readonly JSONSchemaProps[] = [];

/** Formats that nothing checks; an update tells only of new ones. */
export function warnOfFormats(next: CustomResourceDefinition, old?: CustomResourceDefinition): string[] {
  const had = old ? unknownFormats(old) : new Set();
  return [...unknownFormats(next)].filter((f) => !had.has(f)).map((f) => `unrecognized format ${JSON.stringify(f)}`);
}
