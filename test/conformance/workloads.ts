// Small workloads of the conformance tests.

export const busybox = 'docker.io/library/busybox:1.36';
export const nginx = 'docker.io/library/nginx:1.7.9';
export const apps = '/apis/apps/v1';
export const batch = '/apis/batch/v1';
export const core = '/api/v1';

/** A container that goes on until it is asked to end. */
export const sleeper = (more: object = {}): any => ({
  name: 'app',
  image: busybox,
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'],
  ...more,
});

/** A container that runs a script of a shell. */
export const script = (text: string, more: object = {}): any => ({
  name: 'app',
  image: busybox,
  command: ['sh', '-c', text],
  ...more,
});

/** Serves files over HTTP; `/` tells the pod's name. */
export const server = (port: number, more: object = {}): any => ({
  ...script(`mkdir -p /www; hostname > /www/index.html; exec httpd -f -p ${port} -h /www`),
  ports: [{ containerPort: port }],
  ...more,
});

export const pod = (name: string, container: any, more: { metadata?: object; spec?: object } = {}): any => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...more.metadata },
  spec: { terminationGracePeriodSeconds: 0, containers: [container], ...more.spec },
});

/** The template of a workload. */
export const templateOf = (labels: object, container: any, spec: object = {}): any => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 0, containers: [container], ...spec },
});

/** A Deployment, ReplicaSet, DaemonSet or StatefulSet: all of them select by labels of their template. */
export const workload = (name: string, labels: object, spec: { [field: string]: any } = {}, metadata = {}): any => ({
  metadata: { name, ...metadata },
  spec: { selector: { matchLabels: labels }, template: templateOf(labels, sleeper()), ...spec },
});
