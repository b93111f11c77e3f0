// What sig-scheduling requires.
import assert from 'node:assert/strict';
import { requirements } from './cluster.ts';

requirements({ name: 'conf-scheduling', sig: 'sig-scheduling', images: ['busybox'] }, (requirement) => {
  requirement('LimitRange should list, patch and delete a LimitRange by collection', async (space) => {
    const ranges = space.path('/api/v1', 'limitranges');
    const selector = `labelSelector=${encodeURIComponent(`e2e=${space.namespace}`)}`;
    await space.ask('POST', ranges, {
      body: {
        metadata: { name: 'range', labels: { e2e: space.namespace } },
        spec: { limits: [{ type: 'Container', default: { cpu: '500m' } }] },
      },
    });
    const everywhere = await space.get(`/api/v1/limitranges?${selector}`);
    assert.deepEqual(
      everywhere.items.map((one: any) => one.metadata.name),
      ['range'],
    );
    const patched = await space.ask('PATCH', `${ranges}/range`, {
      body: { spec: { limits: [{ type: 'Container', default: { cpu: '300m' } }] } },
    });
    assert.equal(patched.spec.limits[0].default.cpu, '300m');
    await space.ask('DELETE', `${ranges}?${selector}`);
    await space.until('the collection is gone', `/api/v1/limitranges?${selector}`, ({ items }) => items.length === 0);
  });
});
