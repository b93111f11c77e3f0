// Whether a value is one of its schema, as far as an apply has to know: types, known fields, lists
// without doubles. Wording is that of structured-merge-diff's validation.
import { isObject } from '../json.ts';
import type { AnySchema, ListSchema } from '../schema.ts';
import { ElementError, elementOf, fieldSchema, isDivided, isNamed, type MaybeSchema } from './element.ts';
import { showElement } from './set.ts';

/** What is wrong with the value, in one text; undefined where nothing is. */
export function checkFields(value: unknown, schema: MaybeSchema): string | undefined {
  const errors: string[] = [];
  check(value, schema, '', errors);
  if (errors.length === 0) return undefined;
  return errors.length === 1 ? errors[0] : ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

const maxErrors = 100;

function check(value: unknown, schema: MaybeSchema, path: string, errors: string[]): void {
  if (!schema || schema.type === 'any' || value === null || errors.length >= maxErrors) return;
  if (schema.type === 'object' || schema.type === 'map') {
    if (isObject(value)) checkObject(value, schema, path, errors);
    else errors.push(at(path, `expected map, got ${goValue(value)}`));
  } else if (schema.type === 'list') {
    if (Array.isArray(value)) checkList(value, schema, path, errors);
    else errors.push(at(path, `expected list, got ${goValue(value)}`));
  } else {
    const problem = checkScalar(value, schema);
    if (problem) errors.push(at(path, problem));
  }
}

const at = (path: string, problem: string): string => (path === '' ? problem : `${path}: ${problem}`);

function checkObject(value: Record<string, unknown>, schema: AnySchema, path: string, errors: string[]): void {
  for (const [name, child] of Object.entries(value)) {
    if (schema.type === 'object' && !isNamed(schema, name)) {
      if (schema.preserveUnknown) continue;
      errors.push(`${path}.${name}: field not declared in schema`);
      return;
    }
    check(child, fieldSchema(schema, name), `${path}.${name}`, errors);
  }
}

function checkList(list: unknown[], schema: ListSchema, path: string, errors: string[]): void {
  const seen = new Set<string>();
  for (const [i, item] of list.entries()) {
    let shown = `[${i}]`;
    if (isDivided(schema)) {
      const element = placeOf(item, schema);
      if (element instanceof ElementError) return void errors.push(at(path, `element ${i}: ${element.message}`));
      shown = showElement(element);
      if (seen.has(element)) return void errors.push(at(path, `duplicate entries for key ${shown}`));
      seen.add(element);
    }
    check(item, schema.items, `${path}${shown}`, errors);
  }
}

function placeOf(item: unknown, schema: ListSchema): string | ElementError {
  try {
    return elementOf(item, schema);
  } catch (err) {
    if (err instanceof ElementError) return err;
    throw err;
  }
}

const looseFormats = new Set(['quantity', 'int-or-string', 'date-time', 'micro-time']);

function checkScalar(value: unknown, schema: AnySchema): string | undefined {
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  if (schema.type === 'integer' || schema.type === 'number')
    return isNumber ? undefined : `expected numeric (int or float), got ${goTypeOf(value)}`;
  if (schema.type === 'boolean')
    return typeof value === 'boolean' ? undefined : `expected boolean, got ${goValue(value)}`;
  if (schema.type === 'string' && looseFormats.has(schema.format ?? ''))
    return typeof value === 'object' ? `expected any scalar, got ${goValue(value)}` : undefined;
  if (typeof value === 'string') return undefined;
  return `expected string, got &value.valueUnstructured{Value:${showLiteral(value)}}`;
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'object' ? 'map[string]interface {}' : typeof value === 'boolean' ? 'bool' : 'string';
}

/** A value as Go prints the box that it is in. */
const goValue = (value: unknown): string => `&{${showPlain(value)}}`;

function showPlain(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showPlain).join(' ')}]`;
  if (!isObject(value)) return value === null ? '<nil>' : String(value);
  const names = Object.keys(value).sort();
  return `map[${names.map((name) => `${name}:${showPlain(value[name])}`).join(' ')}]`;
}

function showLiteral(value: unknown): string {
  if (value === null) return 'interface {}(nil)';
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(showLiteral).join(', ')}}`;
  if (!isObject(value)) return String(value);
  const entries = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${showLiteral(value[name])}`);
  return `map[string]interface {}{${entries.join(', ')}}`;
}
