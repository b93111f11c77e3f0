import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutOf } from '../layout.ts';
import { nodeUnits } from '../units.ts';
import { readConfig } from './read.ts';

const kubelet = (lines: string) => `kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n${lines}`;
const read = (text: string) => readConfig(text, 'c.yaml', '/w');
const flagOf = (text: string) => {
  const layout = layoutOf({ name: 'a', slot: 0, egress: true, config: read(text) });
  const context = { layout, program: { node: 'node', bundle: 'b' }, trees: { version: 2 as const, hierarchies: [] } };
  const unit = nodeUnits(context, layout.nodes[0]!).find(({ name }) => name === 'kubelet')!;
  return unit.command.find((word) => word.startsWith('--single'));
};

describe("the kubelet's configuration", () => {
  test('singleProcessOOMKill is a flag of the kubelet, unless nobody says so', () => {
    assert.equal(flagOf(kubelet('singleProcessOOMKill: true\n')), '--single-process-oom-kill=true');
    assert.equal(flagOf(kubelet('singleProcessOOMKill: false\n')), '--single-process-oom-kill=false');
    assert.equal(flagOf(kubelet('')), undefined);
  });

  test("it stands among kind's patches as well", () => {
    const patch = '  kind: KubeletConfiguration\n  singleProcessOOMKill: true\n';
    const config = read(`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches:\n- |\n${patch}`);
    assert.deepEqual(config.singleProcessOOMKill, {
      value: true,
      place: 'c.yaml:6: kubeadmConfigPatches[0].singleProcessOOMKill',
    });
  });

  test('staticPodPath is a flag of the kubelet as well', () => {
    assert.equal(readConfig(kubelet('staticPodPath: /manifests\n'), 'c.yaml', '/w').staticPodPath, '/manifests');
  });

  const refusals: [string, string, RegExp][] = [
    ['a text', kubelet('singleProcessOOMKill: "yes"\n'), /^c\.yaml:3: singleProcessOOMKill: must be true or false$/],
    ['a relative path', kubelet('staticPodPath: manifests\n'), /^c\.yaml:3: staticPodPath: must be an absolute path$/],
    ['another field', kubelet('maxPods: 10\n'), /^c\.yaml:3: maxPods: is not supported/],
    [
      'another version',
      'kind: KubeletConfiguration\napiVersion: v1\n',
      /^c\.yaml:2: apiVersion: must be "kubelet\.conf/,
    ],
  ];
  for (const [name, text, message] of refusals)
    test(`${name} is refused`, () => assert.throws(() => read(text), { message }));
});
