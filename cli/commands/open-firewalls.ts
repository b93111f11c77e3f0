// `k8ts open-firewalls`: what the firewall watch of a cluster runs when the host's rules have changed. Says what it
// cannot open, which is then in the watch's log.
import { realClock } from '../../machinery/clock.ts';
import { loadCluster } from '../cluster-store.ts';
import { openFirewalls } from '../host/firewall.ts';
import { restoreEgress } from '../host/network.ts';
import { defaultRoots } from '../layout.ts';

export async function openFirewallsOf({ name }: { name: string }): Promise<void> {
  const layout = loadCluster(name, defaultRoots);
  if (!layout) return;
  await restoreEgress(layout);
  for (const { place, reason } of await openFirewalls(layout)) {
    process.stdout.write(`${new Date(realClock.now()).toISOString()} ${place} stays closed: ${reason}\n`);
  }
}
