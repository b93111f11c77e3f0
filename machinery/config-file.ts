// Files that configure a component in Kubernetes' own form: YAML or JSON with apiVersion and kind. What a file says
// wrong is told with its name and the field, before anything is served.
import { DecodeError, decodeValue } from './decode.ts';
import type { FieldError } from './field-error.ts';
import { isObject } from './json.ts';
import { TextError } from './json-reader.ts';
import type { AnySchema, Schema } from './schema.ts';
import { readYaml } from './yaml-reader.ts';

export class ConfigFileError extends Error {}

const maxBytes = 4 * 1024 * 1024;

export interface ConfigFileForm<T> {
  apiVersion: string;
  /** Versions with the same fields that are read as well. */
  olderVersions?: readonly string[];
  kind: string;
  schema: Schema<T>;
  validate(config: T): FieldError[];
}

/** What the text of the file at `path` says. Throws ConfigFileError. */
export function parseConfig<T>(text: string, path: string, form: ConfigFileForm<T>): T {
  const refuse = (why: string, cause?: unknown) => new ConfigFileError(`${path}: ${why}`, { cause });
  if (text.length > maxBytes) throw refuse(`it is larger than ${maxBytes} bytes`);
  try {
    const { value, duplicates } = readYaml(text);
    if (duplicates.length > 0) throw refuse(`field ${duplicates[0]} is there twice`);
    const versions: unknown[] = [form.apiVersion, ...(form.olderVersions ?? [])];
    if (!isObject(value) || !versions.includes(value.apiVersion) || value.kind !== form.kind) {
      throw refuse(`it must have apiVersion ${form.apiVersion} and kind ${form.kind}`);
    }
    const decoded = decodeValue(form.schema as AnySchema, value);
    if (decoded.unknownFields.length > 0) throw refuse(`unknown field "${decoded.unknownFields[0]}"`);
    const errors = form.validate(decoded.value as T);
    if (errors.length > 0) throw refuse(errors.map(({ field, detail }) => `${field}: ${detail}`).join('; '));
    return decoded.value as T;
  } catch (err) {
    if (err instanceof TextError || err instanceof DecodeError) throw refuse(err.message, err);
    throw err;
  }
}
