// The manifests of real operators, by their shape: installed, installed again, written to by somebody else, explained,
// and taken away, with the real kubectl. What each operator does with them is tested beside this.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsNewKubectl } from '../../environment/kubectl.ts';
import { manifestsOf, type OperatorCluster, startOperatorCluster } from '../../environment/operator-cluster.ts';

interface Operator {
  name: string;
  /** A definition that somebody else writes to. */
  definition: string;
  explained: [path: string, says: RegExp][];
  account: string;
  may: [args: string[], answer: 'yes' | 'no'][];
}

const operators: Operator[] = [
  {
    name: 'certificate-issuer',
    definition: 'certificates.certificates.example.com',
    explained: [
      ['certificate.spec.privateKey.algorithm', /ENUM:\s+RSA\s+ECDSA\s+Ed25519/],
      ['issuer.spec.acme.solvers.http01.ingress.podTemplate.spec.tolerations', /<\[\]Object>/],
    ],
    account: 'system:serviceaccount:certificate-issuer:controller',
    may: [
      [['update', 'certificates.certificates.example.com', '--subresource=status'], 'yes'],
      [['create', 'secrets', '-n', 'default'], 'yes'],
      [['patch', 'validatingwebhookconfigurations'], 'no'],
      [['update', 'leases/certificate-issuer-controller', '-n', 'certificate-issuer'], 'yes'],
      [['update', 'leases/other', '-n', 'certificate-issuer'], 'no'],
    ],
  },
  {
    name: 'database-operator',
    definition: 'clusters.database.example.com',
    explained: [
      ['cluster.spec.replicas', /FIELD: replicas <integer>/],
      ['pooler.spec.template.spec.containers.livenessProbe', /FIELD: livenessProbe <Object>/],
    ],
    account: 'system:serviceaccount:database-operator:manager',
    may: [
      [['create', 'statefulsets', '-n', 'default'], 'yes'],
      [['update', 'clusters.database.example.com', '--subresource=status'], 'yes'],
      [['delete', 'nodes'], 'no'],
    ],
  },
  {
    name: 'gitops-controller',
    definition: 'applications.gitops.example.com',
    explained: [
      ['application.spec.syncPolicy.retry.backoff.factor', /FIELD: factor <integer>/],
      ['applicationset.spec.generators.matrix.generators.git', /FIELD: git <Object>/],
    ],
    account: 'system:serviceaccount:gitops:controller',
    // By aggregation.
    may: [
      [['delete', 'deployments.apps', '-n', 'default'], 'yes'],
      [['update', 'applications.gitops.example.com', '--subresource=finalizers'], 'yes'],
      [['create', 'clusterroles'], 'no'],
    ],
  },
];

const idOf = ({ kind, metadata }: any) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

for (const { name, definition, explained, account, may } of operators) {
  describe(`the manifests of ${name}`, { skip: needsNewKubectl }, () => {
    let operator: OperatorCluster;
    before(async () => {
      operator = await startOperatorCluster(name);
    });
    after(() => operator[Symbol.asyncDispose]());

    const stored = async () => {
      const { items } = await operator.json('get', '-f', operator.folder);
      return new Map<string, any>(items.map((one: any) => [idOf(one), one]));
    };

    test('are applied, and are established', async () => {
      const { code, stdout, stderr } = await operator.install();
      assert.equal(code, 0, stderr);
      const wanted = manifestsOf(name);
      assert.equal(stdout.match(/ serverside-applied$/gm)?.length, wanted.length);
      const definitions = wanted.filter(({ kind }) => kind === 'CustomResourceDefinition');
      const names = definitions.map(({ metadata }) => `crd/${metadata.name}`);
      await operator.get('wait', '--for=condition=Established', ...names, '--timeout=60s');
      assert.deepEqual([...(await stored()).keys()].sort(), wanted.map(idOf).sort());
      // No structural schema is refused, no rule left out.
      for (const one of (await stored()).values()) {
        const conditions = one.status?.conditions ?? [];
        assert.ok(!conditions.some((c: any) => c.type === 'NonStructuralSchema'), idOf(one));
      }
    });

    test('are the same after they are applied again', async () => {
      // What controllers write to them (a namespace's service account, sums of roles) has settled.
      await operator.until('nothing changes', async () => {
        const versions = [...(await stored()).values()].map(({ metadata }) => metadata.resourceVersion).join();
        const { code, stderr } = await operator.install();
        assert.equal(code, 0, stderr);
        const later = [...(await stored()).values()].map(({ metadata }) => metadata.resourceVersion).join();
        return versions === later || undefined;
      });
      const { metadata } = await operator.json('get', 'crd', definition, '--show-managed-fields');
      const managers = metadata.managedFields.map((one: any) => [one.manager, one.operation, one.subresource]);
      assert.deepEqual(managers, [
        ['kubectl', 'Apply', undefined],
        ['kube-apiserver', 'Update', 'status'],
      ]);
    });

    test('another manager conflicts, and may take over', async () => {
      const [version] = (await operator.json('get', 'crd', definition)).spec.versions;
      const other = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: definition, labels: { 'app.kubernetes.io/name': 'other' } },
      };
      const args = ['apply', '--server-side', '--field-manager=other', '-f', '-'];
      const conflict = /conflict with "kubectl": \.metadata\.labels\.app\.kubernetes\.io\/name/;
      assert.match(await operator.refusal(args, other), conflict);
      await operator.apply(other, '--field-manager=other', '--force-conflicts');
      const back = await operator.install();
      assert.match(back.stderr, /conflict with "other"/);
      assert.equal((await operator.install('--force-conflicts')).code, 0);
      assert.deepEqual((await operator.json('get', 'crd', definition)).spec.versions[0], version);
    });

    test('are explained', async () => {
      for (const [path, says] of explained) {
        const shown = await operator.until(`${path} is published`, async () => {
          const { code, stdout } = await operator.run(['explain', path]);
          return code === 0 ? stdout : undefined;
        });
        assert.match(shown, says);
      }
    });

    test('its account may what its roles say', async () => {
      for (const [args, answer] of may) {
        const { stdout } = await operator.run(['auth', 'can-i', ...args, '--as', account]);
        assert.equal(stdout.trim(), answer, args.join(' '));
      }
    });

    test('are deleted, and nothing is left', async () => {
      await operator.get('delete', '-f', operator.folder, '--ignore-not-found', '--timeout=120s');
      // Namespaces take what is in them along, sometimes before kubectl comes to it.
      assert.equal((await operator.run(['get', '-f', operator.folder, '-o', 'name'])).stdout, '');
      const group = definition.slice(definition.indexOf('.') + 1);
      await operator.until('its group is no longer served', async () => {
        const { stdout } = await operator.run(['api-resources', '--api-group', group, '-o', 'name', '--cached=false']);
        return stdout === '' || undefined;
      });
      const { items } = await operator.json('get', 'apiservices');
      assert.ok(!items.some(({ spec }: any) => spec.group === group));
      assert.deepEqual(operator.cluster.failures, []);
    });
  });
}
