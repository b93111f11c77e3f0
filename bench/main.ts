// Runs the workloads on a cluster of this checkout and, with --baseline DIR, on one of another
// checkout, each in turn in the same run.
import { realClock } from '../machinery/clock.ts';
import { BenchCluster } from './cluster.ts';
import { type Result, renderResults } from './measure.ts';
import { workloads } from './workloads.ts';

const args = process.argv.slice(2);
const names = workloads.map((w) => w.name).join(', ');
if (args.includes('--help') || args.includes('-h')) {
  console.log(`npm run bench -- [WORKLOAD...] [--baseline DIR]\n\nWorkloads (all by default): ${names}`);
  process.exit(0);
}
const at = args.indexOf('--baseline');
const baselineRoot = at < 0 ? undefined : args[at + 1];
const chosen = args.filter((a, i) => !a.startsWith('--') && (at < 0 || i !== at + 1));
const selected = workloads.filter((w) => chosen.length === 0 || chosen.includes(w.name));
if (selected.length === 0) {
  console.error(`no such workload; there are: ${names}`);
  process.exit(2);
}

async function runAll(root: string, label: string): Promise<Result[]> {
  using shared = new BenchCluster(root, `bench-${label}-${process.pid}`);
  if (selected.some(({ isAlone, simulatedNodes }) => !isAlone && !simulatedNodes)) shared.up();
  const results: Result[] = [];
  for (const workload of selected) {
    const startMs = realClock.monotonicMs();
    if (workload.simulatedNodes) {
      using own = new BenchCluster(root, `${shared.name}-simulated`);
      own.up('--simulated-nodes', String(workload.simulatedNodes));
      results.push(...(await workload.run(own)));
    } else results.push(...(await workload.run(shared)));
    console.error(`${label}: ${workload.name} (${((realClock.monotonicMs() - startMs) / 1000).toFixed(0)} s)`);
  }
  return results;
}

const own = await runAll(process.env.K8TS_ROOT ?? process.cwd(), 'now');
const baseline = baselineRoot === undefined ? undefined : await runAll(baselineRoot, 'baseline');
console.log(renderResults(own, baseline));
