// Runs cases of the language's conformance suite (@bufbuild/cel-spec): JSON as protobuf writes it, in and out.
import { type Expr, qualifiedName } from '../../machinery/cel/ast.ts';
import { check } from '../../machinery/cel/checker.ts';
import { compileExpr } from '../../machinery/cel/compile.ts';
import { estimateCost } from '../../machinery/cel/cost.ts';
import type { Library, Macro, Overload } from '../../machinery/cel/decls.ts';
import { createEnv, type Env } from '../../machinery/cel/env.ts';
import { equals } from '../../machinery/cel/equality.ts';
import { CelError, CostExceeded } from '../../machinery/cel/errors.ts';
import { Frame } from '../../machinery/cel/frame.ts';
import { bindingLibrary } from '../../machinery/cel/lib/bindings.ts';
import { conversionLibrary } from '../../machinery/cel/lib/conversions.ts';
import { optionalLibrary } from '../../machinery/cel/lib/optionals.ts';
import { standardLibrary } from '../../machinery/cel/lib/standard.ts';
import { stringLibrary } from '../../machinery/cel/lib/strings.ts';
import { timeLibrary } from '../../machinery/cel/lib/times.ts';
import { twoVariableLibrary } from '../../machinery/cel/lib/two-variable.ts';
import type { MacroContext } from '../../machinery/cel/macros.ts';
import { parse } from '../../machinery/cel/parser.ts';
import { type CelType, formatType, t } from '../../machinery/cel/types.ts';
import {
  ArrayList,
  CelList,
  CelMap,
  canonicalInt,
  Double,
  EntryMap,
  type MapKey,
  mapKey,
  TypeValue,
  typeOf,
  Uint,
  type Value,
} from '../../machinery/cel/values.ts';
import { withWorkLimit } from '../../machinery/cel/work.ts';
import { encoderLibrary } from './cel-encoders.ts';
import { mathLibrary } from './cel-math.ts';
import { enumConstants, messageFromJson, resolveMessageType, valueTypeOf } from './cel-messages.ts';

interface Suite {
  name: string;
  suites?: Suite[];
  tests?: { original: any }[];
}

/** All cases with the path of their names. */
export function* allCases(suite: Suite, path: string[] = []): Iterable<{ name: string; original: any }> {
  for (const { original } of suite.tests ?? []) yield { name: [...path, original.name].join('/'), original };
  for (const inner of suite.suites ?? []) yield* allCases(inner, [...path, inner.name]);
}

const libraries: Library[] = [
  standardLibrary,
  conversionLibrary,
  timeLibrary,
  optionalLibrary,
  stringLibrary,
  mathLibrary,
  encoderLibrary,
  bindingLibrary,
  twoVariableLibrary,
];

const indexed = (c: MacroContext, prefix: string, args: readonly Expr[]) =>
  c.ident(prefix + args.map((arg) => (arg.kind === 'const' ? String(arg.value) : '')).join(':'));
const ofCel = (name: string, args: number, expand: (c: MacroContext, args: Expr[]) => Expr): Macro => ({
  name,
  args,
  isMember: true,
  expand: (c, target, given) => (target?.kind === 'ident' && target.name === 'cel' ? expand(c, given) : undefined),
});
/** `cel.block([a, b], result)`, which optimizers of other implementations write: names bound one after another. */
const blockLibrary: Library = {
  macros: [
    ofCel('index', 1, (c, args) => indexed(c, '@index', args)),
    ofCel('iterVar', 2, (c, args) => indexed(c, '@it:', args)),
    ofCel('accuVar', 2, (c, args) => indexed(c, '@ac:', args)),
    ofCel('block', 2, (c, [list, result]) => {
      const bound = list!.kind === 'list' ? list!.elements : [];
      return bound.reduceRight((inner, value, i) => c.bind(`@index${i}`, value, inner), result!);
    }),
  ],
};

const extension = (name: string, isTest: boolean): Macro => ({
  name,
  args: 2,
  isMember: true,
  expand: (c, target, [message, field]) =>
    target?.kind === 'ident' && target.name === 'proto'
      ? { kind: 'select', at: c.at, operand: message!, field: qualifiedName(field!)!, isTest }
      : undefined,
});
/** `proto.getExt(message, name)`: fields that other files have added to a message. */
const extensionLibrary: Library = { macros: [extension('getExt', false), extension('hasExt', true)] };

/** Runs one; what is wrong, or undefined. */
export function runCase(original: any): string | undefined {
  let env: Env;
  try {
    env = environment(original);
  } catch (error) {
    return `environment: ${(error as Error).message ?? error}`;
  }
  const parsed = parse(original.expr, env.macros);
  const expectsError = original.evalError !== undefined;
  if ('issues' in parsed) return expectsError ? undefined : `parse: ${parsed.issues[0]!.message}`;
  if (!original.disableCheck) {
    const checked = check(parsed.expr, env);
    if ('issues' in checked) return expectsError ? undefined : `check: ${checked.issues[0]!.message}`;
    const wanted = original.typedResult?.deducedType;
    if (wanted !== undefined) {
      const [a, b] = [formatType(checked.type), formatType(typeFrom(wanted))];
      if (a !== b) return `type: ${a}, not ${b}`;
    }
    if (original.checkOnly) return undefined;
    estimateCost(parsed.expr, env);
  }
  return evaluate(parsed.expr, env, original);
}

function evaluate(expr: any, env: Env, original: any): string | undefined {
  const expectsError = original.evalError !== undefined;
  const [closure, slots] = compileExpr(expr, env);
  const variables = new Map<string, Value>(
    Object.entries<any>(original.bindings ?? {}).map(([name, { value }]) => [name, valueFrom(value)]),
  );
  try {
    const value = withWorkLimit(() => closure(new Frame((name) => variables.get(name), slots, 1e9)));
    if (expectsError) return `no error but ${show(value)}`;
    const wanted = original.typedResult?.result ?? original.value ?? { boolValue: true };
    const expected = valueFrom(wanted);
    const isSame = formatType(typeOf(value)) === formatType(typeOf(expected)) && sameValue(value, expected);
    return isSame ? undefined : `${show(value)} is not ${show(expected)}`;
  } catch (error) {
    if (!(error instanceof CelError || error instanceof CostExceeded)) throw error;
    return expectsError ? undefined : `error: ${error.message}`;
  }
}

function sameValue(a: Value, b: Value): boolean {
  if (a instanceof Double && b instanceof Double) return Object.is(a.value, b.value) || a.value === b.value;
  return equals(a, b);
}

function show(value: Value): string {
  if (value instanceof CelList) return `[${Array.from({ length: value.size }, (_, i) => show(value.at(i)))}]`;
  if (value instanceof CelMap) {
    return `{${[...value.keys()].map((key) => `${show(key)}: ${show(value.get(mapKey(key)!)!)}`)}}`;
  }
  return `${formatType(typeOf(value))} ${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`;
}

function environment(original: any): Env {
  const variables: Record<string, CelType> = {};
  const functions: Overload[] = [];
  for (const { name, ident, function: fn } of original.typeEnv ?? []) {
    if (ident !== undefined) variables[name] = typeFrom(ident.type);
    else functions.push(...fn.overloads.map((overload: any) => overloadFrom(name, overload)));
  }
  for (const name of Object.keys(original.bindings ?? {})) variables[name] ??= t.dyn;
  return createEnv({
    libraries: [...libraries, { functions }, blockLibrary, extensionLibrary],
    variables,
    container: original.container ?? '',
    resolveType: resolveMessageType,
    constants,
  });
}

function overloadFrom(name: string, overload: any): Overload {
  return {
    name,
    id: overload.overloadId,
    args: (overload.params ?? []).map((type: any) => typeFrom(type, overload.typeParams)),
    result: typeFrom(overload.resultType, overload.typeParams),
    isMember: overload.isInstanceFunction ?? false,
    call: () => {
      throw new CelError('declared only');
    },
  };
}

const primitives: Record<string, CelType> = {
  BOOL: t.bool,
  INT64: t.int,
  UINT64: t.uint,
  DOUBLE: t.double,
  STRING: t.string,
  BYTES: t.bytes,
};

function typeFrom(type: any, parameters: string[] = []): CelType {
  if (type.primitive !== undefined) return primitives[type.primitive]!;
  if (type.wrapper !== undefined) return t.wrapper(primitives[type.wrapper]!);
  if (type.wellKnown !== undefined) {
    return { TIMESTAMP: t.timestamp, DURATION: t.duration, ANY: t.any }[type.wellKnown as string]!;
  }
  if (type.listType !== undefined) return t.list(type.listType.elemType ? typeFrom(type.listType.elemType) : t.dyn);
  if (type.mapType !== undefined) return t.map(typeFrom(type.mapType.keyType), typeFrom(type.mapType.valueType));
  if (type.messageType !== undefined) return valueTypeOf(type.messageType)!;
  if (type.typeParam !== undefined) return t.parameter(type.typeParam);
  if (type.abstractType !== undefined) {
    const { name, parameterTypes = [] } = type.abstractType;
    return t.opaque(name, ...parameterTypes.map((p: any) => typeFrom(p, parameters)));
  }
  if ('null' in type) return t.null;
  if ('dyn' in type) return t.dyn;
  if (type.type !== undefined) return t.typeOf(typeFrom(type.type));
  throw new Error(`no type of ${JSON.stringify(type)}`);
}

const constants = enumConstants();
const namedTypes = new Map((standardLibrary.types ?? []).map(([name, type]) => [name, type]));

function valueFrom(json: any): Value {
  if ('nullValue' in json) return null;
  if (json.boolValue !== undefined) return json.boolValue;
  if (json.int64Value !== undefined) return canonicalInt(BigInt(json.int64Value));
  if (json.uint64Value !== undefined) return new Uint(BigInt(json.uint64Value));
  if (json.doubleValue !== undefined) return new Double(Number(json.doubleValue));
  if (json.stringValue !== undefined) return json.stringValue;
  if (json.bytesValue !== undefined) return new Uint8Array(Buffer.from(json.bytesValue, 'base64'));
  if (json.listValue !== undefined) return new ArrayList((json.listValue.values ?? []).map(valueFrom));
  if (json.mapValue !== undefined) {
    const entries = (json.mapValue.entries ?? []).map((entry: any): [MapKey, [Value, Value]] => {
      const key = valueFrom(entry.key);
      return [mapKey(key)!, [key, valueFrom(entry.value)]];
    });
    return new EntryMap(new Map(entries));
  }
  if (json.typeValue !== undefined) {
    return new TypeValue(
      namedTypes.get(json.typeValue) ?? resolveMessageType(json.typeValue) ?? t.opaque(json.typeValue),
    );
  }
  if (json.enumValue !== undefined) return json.enumValue.value ?? 0;
  if (json.objectValue !== undefined) return messageFromJson(json.objectValue);
  throw new Error(`no value of ${JSON.stringify(json)}`);
}
