// WordPress and its database for examples/wordpress.yaml, out of Debian's packages: with the environment, folders and
// ports of the images that tutorials name.
import { readFileSync } from 'node:fs';
import type { LayerFile } from './debian-tree.ts';

const file = (source: string, name: string, mode = 0o644): LayerFile => ({
  name,
  mode,
  content: readFileSync(new URL(source, import.meta.url)),
});
const folders = (...names: string[]): LayerFile[] => names.map((name) => ({ name }));

const users = ['root:x:0:0::/root:/bin/sh', 'www-data:x:33:33::/var/www:/bin/sh', 'mysql:x:999:999::/tmp:/bin/sh'];
const accounts: LayerFile[] = [
  { name: 'tmp', mode: 0o1777 },
  { name: 'etc/passwd', mode: 0o644, content: `${users.join('\n')}\n` },
  { name: 'etc/group', mode: 0o644, content: 'root:x:0:\nwww-data:x:33:\nmysql:x:999:\n' },
];

export const mysqlImage = {
  name: 'docker.io/library/mysql:8.0',
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  files: [
    ...accounts,
    ...folders('var/lib/mysql', 'etc/mysql'),
    file('mysql/my.cnf', 'etc/mysql/my.cnf'),
    file('mysql/entrypoint.sh', 'entrypoint.sh', 0o755),
  ],
  config: {
    Entrypoint: ['/entrypoint.sh'],
    Cmd: ['mysqld'],
    Env: ['PATH=/usr/sbin:/usr/bin:/bin'],
    ExposedPorts: { '3306/tcp': {} },
  },
};

export const wordpressImage = {
  name: 'docker.io/library/wordpress:6.2.1-apache',
  packages: ['wordpress', 'apache2-bin', 'libapache2-mod-php', 'php-mysql', 'ca-certificates', 'tzdata'],
  files: [
    ...accounts,
    ...folders('var/www', 'var/www/html', 'etc/apache2', 'etc/ssl', 'etc/ssl/certs', 'etc/wordpress'),
    ...folders('etc/php', 'etc/php/conf.d'),
    file('wordpress/apache2.conf', 'etc/apache2/apache2.conf'),
    file('wordpress/extensions.ini', 'etc/php/conf.d/extensions.ini'),
    file('wordpress/wp-config.php', 'etc/wordpress/wp-config.php'),
    file('wordpress/entrypoint.sh', 'entrypoint.sh', 0o755),
  ],
  config: {
    Entrypoint: ['/entrypoint.sh'],
    Cmd: ['apache2-foreground'],
    WorkingDir: '/var/www/html',
    Env: ['PATH=/usr/sbin:/usr/bin:/bin', 'PHP_INI_SCAN_DIR=/etc/php/conf.d'],
    StopSignal: 'SIGWINCH',
    ExposedPorts: { '80/tcp': {} },
  },
};
