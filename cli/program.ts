// The command tree: kind's verbs and flag names, with `up` and `down` as their short forms. Each command's work is in
// its own file of commands/, loaded when it is asked for.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../machinery/errors.ts';
import { defaultClusterName, isClusterName, maxApiServers, maxSimulatedNodes } from './layout.ts';
import type { Program } from './units.ts';
import { errnoOf, UserError } from './user-error.ts';

function clusterName(text: string): string {
  if (isClusterName(text)) return text;
  throw new InvalidArgumentError('A cluster name is up to 30 lower-case letters, digits and inner dashes.');
}

function portNumber(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 1 to 65535.');
}

const countTo = (most: number) => (text: string) => {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw new InvalidArgumentError(`A number from 1 to ${most}.`);
};

function durationMs(text: string): number {
  const match = /^(\d+)(ms|s|m)?$/.exec(text);
  if (!match) throw new InvalidArgumentError('A duration looks like 90s, 2m or 500ms.');
  const unitMs = { ms: 1, s: 1_000, m: 60_000 }[match[2] ?? 's']!;
  return Number(match[1]) * unitMs;
}

const nameOption = () =>
  new Option('-n, --name <name>', 'cluster name').argParser(clusterName).default(defaultClusterName);
const kubeconfigOption = () =>
  new Option('--kubeconfig <file>', 'kubeconfig to write (default: $KUBECONFIG, else ~/.kube/config)');

/** A command about one cluster. */
const named = (parent: Command, name: string, description: string) =>
  parent.command(name).description(description).addOption(nameOption());

function withUpOptions(command: Command): Command {
  return command
    .addOption(kubeconfigOption())
    .option(
      '--config <file>',
      "kind's Cluster and kubeadm's ClusterConfiguration (docs/apiserver.md); - is standard input",
    )
    .option('--api-port <port>', 'port of the API server on 127.0.0.1', portNumber)
    .option('--pod-subnet <cidr>', 'addresses of pods')
    .option('--service-subnet <cidr>', 'addresses of services')
    .option(
      '--simulated-nodes <n>',
      'so many nodes more, without containers, for work at scale',
      countTo(maxSimulatedNodes),
    )
    .option(
      '--api-servers <n>',
      'so many API servers share the port (default: more where there are many CPUs)',
      countTo(maxApiServers),
    )
    .option('--no-egress', 'pods cannot open connections to the world beyond this host')
    .option('--wait <duration>', 'how long to wait for each part to become ready', durationMs, 60_000)
    .option('--retain', 'keep what there is when it fails, for a look at it');
}

function withDownOptions(command: Command): Command {
  return command.addOption(kubeconfigOption()).option('--keep-data', 'keep etcd and images for the next up');
}

type Load<T> = () => Promise<T>;

function buildProgram(program: Program): Command {
  const root = new Command('k8ts')
    .description('Kubernetes, small: local clusters with real containers, in one command')
    .showHelpAfterError('(add --help for the flags)')
    .enablePositionalOptions()
    .exitOverride();
  const up = async (options: object, command: Command) => {
    const isNamed = command.getOptionValueSource('name') !== 'default';
    return (await import('./commands/up.ts')).up({ ...options, isNamed } as never, program);
  };
  const down = async (options: object) => (await import('./commands/down.ts')).down(options as never, program);
  withUpOptions(named(root, 'up', 'create a cluster, or bring it back to health')).action(up);
  withDownOptions(named(root, 'down', 'remove a cluster')).action(down);
  named(root, 'status', 'what runs, since when, where its log is, and what is wrong')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['json']))
    .action(async (options) => (await import('./commands/status.ts')).status(options, program));
  addInstall(root, program, () => import('./commands/install.ts'));
  root
    .command('open-firewalls', { hidden: true })
    .addOption(nameOption())
    .action(async (options) => (await import('./commands/open-firewalls.ts')).openFirewallsOf(options));
  root
    .command('test')
    .description('run every test that gates a change')
    .argument('[filter...]', 'parts of paths of test files')
    .option('--all', 'the long suites as well')
    .action(async (filters, options) => (await import('./commands/test.ts')).test(filters, options));
  const create = root.command('create').description('create a cluster');
  withUpOptions(named(create, 'cluster', 'create a cluster')).action(up);
  const remove = root.command('delete').description('delete a cluster');
  withDownOptions(named(remove, 'cluster', 'delete a cluster')).action(down);
  addGet(root, () => import('./commands/get.ts'));
  const load = root.command('load').description('load images into the nodes of a cluster');
  named(load, 'docker-image', 'load images of the local docker or podman')
    .argument('<image...>', 'images')
    .action(async (images, options) =>
      (await import('./commands/load-docker-image.ts')).loadDockerImage(images, options),
    );
  named(load, 'image-archive', 'load the images of an OCI or docker archive')
    .argument('<file...>', 'archives')
    .action(async (files, options) =>
      (await import('./commands/load-image-archive.ts')).loadImageArchive(files, options),
    );
  root
    .command('kubectl')
    .description('run the newest kubectl on PATH against a cluster')
    .usage('[--name <name>] [argument...]')
    .argument('[argument...]', 'what kubectl is to do')
    // kubectl's own -n is the namespace.
    .addOption(new Option('--name <name>', 'cluster name').argParser(clusterName).default(defaultClusterName))
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (args, options) => (await import('./commands/kubectl.ts')).kubectl(args, options));
  addExport(root, () => import('./commands/export.ts'));
  root
    .command('version')
    .description('print the version')
    .action(async () => (await import('./commands/version.ts')).version());
  return root;
}

function addInstall(root: Command, program: Program, load: Load<typeof import('./commands/install.ts')>): void {
  named(root, 'install', 'have systemd bring a cluster up at boot')
    .addOption(kubeconfigOption())
    .action(async (options) => (await load()).install(options, program));
  named(root, 'uninstall', 'take a cluster out of systemd; it stays as it is').action(async (options) =>
    (await load()).uninstall(options),
  );
}

function addGet(root: Command, load: Load<typeof import('./commands/get.ts')>): void {
  const get = root.command('get').description('list clusters, nodes, or print a kubeconfig');
  get
    .command('clusters')
    .description('list the clusters of this machine')
    .action(async () => (await load()).getClusters());
  named(get, 'nodes', 'list the nodes of a cluster').action(async (options) => (await load()).getNodes(options));
  named(get, 'kubeconfig', "print the administrator's kubeconfig").action(async (options) =>
    (await load()).getKubeconfig(options),
  );
}

function addExport(root: Command, load: Load<typeof import('./commands/export.ts')>): void {
  const exports = root.command('export').description('export logs or the kubeconfig');
  named(exports, 'logs', 'copy the logs of a cluster into a folder')
    .argument('[folder]', 'where to; a new folder below /tmp when left out')
    .action(async (folder, options) => (await load()).exportLogs(folder, options));
  named(exports, 'kubeconfig', 'merge the kubeconfig of a cluster into a file')
    .addOption(kubeconfigOption())
    .action(async (options) => (await load()).exportKubeconfig(options));
}

/** Runs a command and returns the exit code: 0, 1 for a failure, 2 for a wrong use. */
export async function runCommandLine(argv: string[], program: Program): Promise<number> {
  // Work goes on when nobody reads of it any more (`| head -1`), and where it cannot be written; that is said at the end.
  let unwritten: Error | undefined;
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (err) => {
    if (errnoOf(err) !== 'EPIPE') unwritten ??= err;
  });
  try {
    await buildProgram(program).parseAsync(argv, { from: 'user' });
    await new Promise((resolve) => process.stdout.write('', resolve)); // what failed has been told then
    if (unwritten) throw new UserError(`standard output: ${unwritten.message}`);
    return 0;
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? 0 : 2;
    printError(err);
    return 1;
  }
}

function printError(err: unknown): void {
  if (err instanceof UserError) {
    process.stderr.write(`error: ${err.message}\n${err.hint === undefined ? '' : `${err.hint}\n`}`);
  } else {
    process.stderr.write(`error: ${err instanceof Error ? (err.stack ?? err.message) : messageOf(err)}\n`);
  }
}
