import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from './cel.ts';
import { decl } from './decl-type.ts';
import { kubernetesEnv } from './kubernetes-env.ts';

const env = kubernetesEnv({ variables: { any: decl.dyn() } });
const any = { ints: [3, 1, 2], texts: ['b', 'a'], none: [], gone: null, mixed: [1, 'a'] };

/** Expressions that are true, by the library they are about. */
const truths: Record<string, string[]> = {
  lists: [
    '[1, 2, 2].isSorted() && !any.ints.isSorted() && any.none.isSorted()',
    "['a', 'b'].isSorted() && [duration('1s'), duration('2m')].isSorted() && [false, true].isSorted()",
    '[1, 3].sum() == 4 && [1.0, 3.0].sum() == 4.0 && [1u, 3u].sum() == 4u && any.ints.sum() == 6 && [].sum() == 0',
    "[duration('1m'), duration('1s')].sum() == duration('61s')",
    '[1, 3].min() == 1 && any.ints.max() == 3 && any.texts.min() == "a" && [b"a", b"b"].max() == b"b"',
    "[1, 2, 2, 3].indexOf(2) == 1 && ['a', 'b', 'b'].lastIndexOf('b') == 2 && [1].indexOf(5) == -1",
    '[1, 2, 3, 4].slice(1, 3) == [2, 3] && [[1, 2], [3]].flatten() == [1, 2, 3] && [1, [2, [3]]].flatten(1) == [1, 2, [3]]'
      .replace('[1, [2, [3]]]', '[dyn(1), dyn([dyn(2), dyn([3])])]')
      .replace('[1, 2, [3]]', '[dyn(1), dyn(2), dyn([3])]'),
    '[1, 2, 2, 1].distinct() == [1, 2] && [[1], [1]].distinct() == [[1]] && [1, 2].reverse() == [2, 1]',
    "any.ints.sort() == [1, 2, 3] && ['bb', 'a'].sortBy(s, size(s)) == ['a', 'bb'] && lists.range(3) == [0, 1, 2]",
    '[1, 2].first().value() == 1 && [1, 2].last() == optional.of(2) && !any.none.first().hasValue()',
  ],
  sets: [
    'sets.contains([1, 2], [2]) && !sets.contains([1], [1, 2]) && sets.contains([], []) && sets.contains([1], [1u, 1.0])'
      .replace('[1u, 1.0]', '[dyn(1u), dyn(1.0)]')
      .replace('sets.contains([1], [dyn', 'sets.contains([dyn(1)], [dyn'),
    'sets.equivalent([1, 2], [2, 1, 1]) && !sets.equivalent([1], [2])',
    'sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], []) && sets.intersects([[1]], [[2], [1]])',
  ],
  regex: [
    "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('x') == '' && 'aé1'.find('é.') == 'é1'",
    "'123 abc 456'.findAll('[0-9]*') != [] && 'a1b2'.findAll('[0-9]') == ['1', '2']",
    "'a1b2c3'.findAll('[0-9]', 2) == ['1', '2'] && 'a1'.findAll('[0-9]', 0) == [] && 'a1b2'.findAll('[0-9]', -1).size() == 2",
  ],
  strings: [
    "'tacocat'.charAt(3) == 'o' && 'hello mellow'.indexOf('ello', 2) == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1",
    "'TacoCat'.lowerAscii() == 'tacocat' && 'TacoCÆt Xii'.upperAscii() == 'TACOCÆT XII'",
    "'hello hello'.replace('he', 'we', 1) == 'wello hello' && 'ab'.replace('', '_') == '_a_b_'",
    "'a b c'.split(' ', 2) == ['a', 'b c'] && 'ab'.split('') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
    "'👑ab'.substring(1, 2) == 'a' && '  trim\\n '.trim() == 'trim'",
    "'%d %s'.format([1, 'a']) == '1 a'",
    "'%s %d %.2f %x %X %o %b %e'.format([dyn('a'), 5, 3.14159, 255, 255, 8, 5, 1234.5]) == 'a 5 3.14 ff FF 10 101 1.234500×10⁰³'",
    "'%f %.1f %e %s'.format([1234567.0, -1234.56, 0.0002, [1.5]]) == '1,234,567.000000 -1,234.6 2.000000×10⁻⁰⁴ [1.500000]'",
    "'%s'.format([[1, 'a', {'k': duration('1s')}]]) == '[1, a, {k: 1s}]'".replace(
      "[1, 'a', {'k'",
      "[dyn(1), dyn('a'), {'k'",
    ),
    'strings.quote(\'a\\n"b"\') == \'"a\\\\n\\\\"b\\\\""\'',
  ],
  urls: [
    "url('https://user:pw@example.com:80/a b?k=v').getHost() == 'example.com:80'",
    "url('https://example.com:80/').getHostname() == 'example.com' && url('https://[::1]:80/').getHostname() == '::1'",
    "url('https://example.com:80/').getPort() == '80' && url('/path').getPort() == '' && url('HTTPS://x').getScheme() == 'https'",
    "url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/'",
    "url('/p?k=a&k=b%20c&l=%').getQuery() == {'k': ['a', 'b c']} && url('/p').getQuery() == {}",
    "url('/p?k=b#c').getQuery() == {'k': ['b']} && url('/p#c').getEscapedPath() == '/p'",
    "isURL('https://example.com') && !isURL('../relative') && !isURL('') && isURL('/abs') && !isURL('http://a b/')",
    "url('https://a/b') == url('https://a/b') && type(url('/a')) == kubernetes.URL",
  ],
  addresses: [
    "isIP('192.168.0.1') && isIP('::1') && !isIP('192.168.0.256') && !isIP('192.168.0.01') && !isIP('fe80::1%eth0')",
    "!isIP('::ffff:1.2.3.4') && !isIP('1.2.3') && !isIP('1::2::3') && !isIP('') && !isIP('1:2:3:4:5:6:7:8:9')",
    "ip('2001:0DB8:0:0::1') == ip('2001:db8::1') && string(ip('2001:DB8:0:0:1:0:0:1')) == '2001:db8::1:0:0:1'",
    "ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && ip.isCanonical('127.0.0.1')",
    "ip('127.0.0.1').family() == 4 && ip('::1').family() == 6 && ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified()",
    "ip('127.9.9.9').isLoopback() && ip('::1').isLoopback() && ip('224.0.0.1').isLinkLocalMulticast()",
    "ip('ff02::1').isLinkLocalMulticast() && !ip('ff01::1').isLinkLocalMulticast() && ip('169.254.1.1').isLinkLocalUnicast()",
    "ip('fe80::1').isLinkLocalUnicast() && ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()",
    "isCIDR('192.168.0.0/16') && isCIDR('::1/128') && !isCIDR('192.168.0.0/33') && !isCIDR('192.168.0.0/') && !isCIDR('1.2.3.4')",
    "cidr('192.168.0.0/24').containsIP('192.168.0.9') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
    "!cidr('0.0.0.0/0').containsIP('::1') && cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24')",
    "cidr('192.168.1.5/24') != cidr('192.168.1.0/24') && cidr('192.168.1.5/24').ip() == ip('192.168.1.5')",
    "cidr('::1/64').prefixLength() == 64 && string(cidr('10.0.0.0/8')) == '10.0.0.0/8' && type(ip('::1')) == net.IP",
  ],
  quantities: [
    "isQuantity('1.3Gi') && isQuantity('1e3') && !isQuantity('1,3G') && !isQuantity('10000k ') && isQuantity('Mi')",
    "quantity('200M') == quantity('0.2G') && quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('50k').isLessThan(quantity('50Mi'))",
    "quantity('50k').asInteger() == 50000 && quantity('9999999999999999999G').isInteger() == false && !quantity('1.5').isInteger()",
    "quantity('50.703k').asApproximateFloat() == 50703.0 && quantity('-1').sign() == -1 && quantity('0').sign() == 0",
    "quantity('50k').add(quantity('20')) == quantity('50.02k') && quantity('50k').sub(20) == quantity('49980')",
    "quantity('200M').compareTo(quantity('0.1G')) == 1 && quantity('1').compareTo(quantity('1000m')) == 0",
  ],
  formats: [
    "!format.dns1123Label().validate('my-label').hasValue() && format.dns1123Label().validate('A').hasValue()",
    "format.named('dns1123Subdomain').value().validate('a.b') == optional.none() && format.named('x') == optional.none()",
    "format.dns1123Label().validate('A').value()[0].startsWith('a lowercase RFC 1123 label must consist of')",
    "!format.dns1123LabelPrefix().validate('my-').hasValue() && format.dns1123Label().validate('my-').hasValue()",
    "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue() && format.uuid().validate('x').value() == ['does not match the UUID format']",
    "!format.byte().validate('aGk=').hasValue() && !format.date().validate('2024-02-29').hasValue() && format.date().validate('2023-02-29').hasValue()",
    "!format.datetime().validate('2011-08-18T19:03:37Z').hasValue() && !format.uri().validate('http://a').hasValue() && format.uri().validate('a').hasValue()",
    "!format.labelValue().validate('').hasValue() && !format.qualifiedName().validate('a/b').hasValue() && format.dns1035Label().validate('1a').hasValue()",
  ],
  versions: [
    "isSemver('1.2.3-rc.1+b') && !isSemver('1.2') && !isSemver('v1.2.3') && !isSemver('01.2.3') && !isSemver('1.2.3-01')",
    "isSemver('v1.2', true) && semver('v01.2', true) == semver('1.2.0') && !isSemver('1.2-rc', true)",
    "semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3",
    "semver('1.0.0-alpha').isLessThan(semver('1.0.0-alpha.1')) && semver('1.0.0-2').isLessThan(semver('1.0.0-10'))",
    "semver('1.0.0-10').isLessThan(semver('1.0.0-a')) && semver('1.0.0').isGreaterThan(semver('1.0.0-rc'))",
    "semver('1.2.3+a').compareTo(semver('1.2.3+b')) == 0",
  ],
  optionals: [
    "any.?ints[0].orValue(0) == 3 && any.?absent.orValue('d') == 'd' && any[?'texts'].hasValue() && ![1][?5].hasValue()",
    "[?any.?absent, 1] == [1] && {?'a': optional.of(1), ?'b': optional.none()} == {'a': 1}",
    'any.?absent.or(any.?ints).value().size() == 3 && optional.of(2).optMap(v, v * 2).value() == 4',
    "!optional.none().optFlatMap(v, optional.of(v)).hasValue() && optional.ofNonZeroValue('') == optional.none()",
    "!optional.ofNonZeroValue(timestamp('0001-01-01T00:00:00Z')).hasValue()",
    'has(any.gone) && any.gone == null && any.?gone.value() == null',
  ],
  loops: [
    "[1, 2].all(i, v, v > i) && {'a': 1}.exists(k, v, k == 'a' && v == 1) && {'a': 1, 'b': 1}.existsOne(k, v, k == 'b')",
    '[4, 5].transformList(i, v, v * i) == [0, 5] && [4, 5].transformList(i, v, i > 0, v) == [5]',
    "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v + 1) == {'b': 3} && ['a'].transformMapEntry(i, v, {v: i}) == {'a': 0}",
    "{'a': 1}.map(k, k) == ['a'] && any.mixed.filter(x, type(x) == int) == [1]",
  ],
  values: [
    '9007199254740993 - 1 == 9007199254740992 && 9007199254740993 != 9007199254740992 && 4611686018427387904 * 2 - 1 > 0 || true',
    '9223372036854775807 - 9223372036854775806 == 1 && 3037000499 * 3037000499 == 9223372030926249001',
    '-7 / 2 == -3 && -7 % 2 == -1 && 0 * -1 == 0 && 7u / 2u == 3u && dyn(2) == 2.0 && dyn(1) == 1u && 1.5 > 1',
    "size('👑') == 1 && 'a' < 'b' && '\\uffff' < '👑' && b'\\xff' > b'\\x00' && 'é' != 'e' && bytes('é').size() == 2",
    "timestamp('2024-02-28T23:59:59.5Z') + duration('1.5s') == timestamp('2024-02-29T00:00:01Z')",
    "timestamp('2024-07-01T00:00:00Z').getHours('Europe/Berlin') == 2 && timestamp('2024-07-01T00:00:00Z').getDate('-02:00') == 30",
    "duration('1h2m3s4ms').getMilliseconds() == 3723004 && duration('1h2m').getMinutes() == 62",
    "string(timestamp('2011-08-18T19:03:37.01+01:00') + duration('1h')) == '2011-08-18T20:03:37.01+01:00'",
    "string(duration('1h30m')) == '5400s' && string(timestamp('2024-01-01T00:00:00.120Z')) == '2024-01-01T00:00:00.12Z'",
    "type(1) == int && type('') == string && type([]) == list && type(null) == null_type && type(type(1)) == type",
    "int('-5') == -5 && double('1e3') == 1000.0 && string(1.0) == '1' && uint(3.9) == 3u && int(-3.9) == -3 && bool('true')",
    "1 in {1: 'a'} && dyn(1.0) in {1: 'a'} && {1: 'a'}[1] == 'a' && {'a': {'b': 1}}.a.b == 1",
  ],
};

describe('libraries', () => {
  for (const [library, expressions] of Object.entries(truths)) {
    for (const source of expressions) {
      test(`${library}: ${source}`, () => {
        const compiled = compile(source, env);
        assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
        const result = compiled.program.evaluate({ any });
        assert.ok(result.ok, result.ok ? '' : result.message);
        assert.equal(result.value, true);
      });
    }
  }
});

describe('errors of libraries', () => {
  const failures: Record<string, string> = {
    "ip('1.2.3.256')":
      'IP Address "1.2.3.256" parse error during conversion from string: ParseAddr("1.2.3.256"): IPv4 field has value >255',
    "ip('::ffff:1.2.3.4')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
    "ip('fe80::1%eth0')": 'IP address "fe80::1%eth0" with zone value is not allowed',
    "url('../a')": 'URL parse error during conversion from string: parse "../a": invalid URI for request',
    "quantity('x')": "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    "quantity('1.5').asInteger()": 'cannot convert value to integer',
    "semver('1.0')": 'No Major.Minor.Patch elements found',
    '[1].slice(0, 2)': 'cannot slice(0, 2), list is length 1',
    '[].max()': 'max called on empty list',
    'any.mixed.sort()': 'list elements must have the same type',
    "'abc'.charAt(4)": 'index out of range: 4',
    "'%d'.format(['a'])": 'error during formatting: decimal clause can only be used on integers, was given string',
    "'%s'.format([])": 'index 0 out of range',
    "{'a': 1, 'b': 1}.transformMapEntry(k, v, {'x': v})": 'insert failed: key x already exists',
  };
  for (const [source, message] of Object.entries(failures)) {
    test(source, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
      const result = compiled.program.evaluate({ any });
      assert.ok(!result.ok);
      assert.equal(result.message, message);
    });
  }
});
