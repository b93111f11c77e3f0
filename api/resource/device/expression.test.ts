import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeRefusals } from '../../../test/builders/kind-rules.ts';
import { DeviceClassKind } from '../deviceclass.ts';
import { validateExpression } from './expression.ts';

const why = (expression: string) =>
  validateExpression(expression, 'x')
    .map((error) => error.detail)
    .join();

test('expressions about devices are taken', () => {
  const fine = [
    'true',
    'device.driver == "gpu.example.com"',
    '"gpu.example.com" in device.attributes',
    'device.attributes["gpu.example.com"].healthy',
    'device.attributes["gpu.example.com"].model == "a" && device.attributes["gpu.example.com"]["cores"] > 4',
    'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("8Gi"))',
    'device.capacity["gpu.example.com"].?memory.orValue(quantity("0")).compareTo(quantity("8Gi")) >= 0',
    'device.attributes["gpu.example.com"].version.isGreaterThan(semver("1.0.0"))',
    'cel.bind(gpu, device.attributes["gpu.example.com"], gpu.healthy && gpu.free)',
    'device.allowMultipleAllocations == true',
  ];
  for (const expression of fine) assert.equal(why(expression), '', expression);
});

test('what is none, says nothing of yes and no, or costs too much is refused', () => {
  const nested = ['a', 'b', 'c', 'd'].reduce((inner, name) => `device.attributes.all(${name}, ${inner})`, 'true');
  const table: [string, RegExp][] = [
    ['?!', /^Invalid value: "\?!": compilation failed: ERROR: <input>:1:1: Syntax error/],
    ['1', /^Invalid value: "1": must evaluate to bool or the unknown type, not int$/],
    ['device.name == "a"', /compilation failed: ERROR: <input>:1:7: undefined field 'name'/],
    ['node.name == "a"', /compilation failed: .*undeclared reference to 'node'/],
    ['x'.repeat(10_241), /^Too long: may not be more than 10240 bytes$/],
    [
      nested.replace('true', 'device.driver.matches("a.*b") && device.driver.matches("c.*d")'),
      /^Forbidden: too complex/,
    ],
  ];
  for (const [expression, want] of table) assert.match(why(expression), want);
});

test('an expression that is stored is not looked at again', () => {
  const class_ = (expression: string, resource?: string) => ({
    spec: { selectors: [{ cel: { expression } }], extendedResourceName: resource },
  });
  assert.deepEqual(changeRefusals(DeviceClassKind, class_('old!'), class_('old!', 'a.io/gpu')), []);
  assert.match(changeRefusals(DeviceClassKind, class_('old!'), class_('new!')).join(), /compilation failed/);
});
