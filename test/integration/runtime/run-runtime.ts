// The process that test-node.ts starts inside its namespaces.
import { main } from '../../../kubelet/runtime/main.ts';

await main(process.argv.slice(2));
