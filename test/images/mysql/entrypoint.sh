#!/bin/sh
# Makes the databases that MYSQL_* name where there are none, then becomes the server.
set -e
data=/var/lib/mysql
case "$1" in -*) set -- mysqld "$@" ;; esac
[ "$1" = mysqld ] || exec "$@"
shift

text() { printf '%s' "$1" | sed "s/['\\\\]/\\\\&/g; s/^/'/; s/\$/'/"; }
name() { printf '%s' "$1" | sed 's/`/``/g; s/^/`/; s/$/`/'; }

statements() {
  # Root from this machine by other names has no password.
  echo "DELETE FROM mysql.global_priv WHERE Host <> 'localhost';"
  echo "FLUSH PRIVILEGES;"
  echo "ALTER USER root@localhost IDENTIFIED BY $(text "$MYSQL_ROOT_PASSWORD");"
  echo "CREATE USER root@'%' IDENTIFIED BY $(text "$MYSQL_ROOT_PASSWORD");"
  echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
  [ -z "$MYSQL_DATABASE" ] || echo "CREATE DATABASE $(name "$MYSQL_DATABASE");"
  [ -n "$MYSQL_USER" ] || return 0
  echo "CREATE USER $(text "$MYSQL_USER")@'%' IDENTIFIED BY $(text "$MYSQL_PASSWORD");"
  [ -z "$MYSQL_DATABASE" ] || echo "GRANT ALL ON $(name "$MYSQL_DATABASE").* TO $(text "$MYSQL_USER")@'%';"
}

if [ ! -d $data/mysql ]; then
  if [ -z "$MYSQL_ROOT_PASSWORD$MYSQL_ALLOW_EMPTY_PASSWORD" ]; then
    echo "the database has no password: set MYSQL_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD" >&2
    exit 1
  fi
  # Made aside and moved, the folder that is asked for last: one that is killed meanwhile begins anew.
  new=$data/.new
  rm -rf $new
  mkdir $new
  mariadb-install-db --no-defaults --user=mysql --datadir=$new --skip-test-db --skip-name-resolve --force \
    --auth-root-authentication-method=normal >/dev/null
  statements | mariadbd --no-defaults --user=mysql --datadir=$new --bootstrap
  for file in $(ls $new | grep -vx mysql) mysql; do
    rm -rf "${data:?}/$file"
    mv "$new/$file" $data
  done
  rmdir $new
fi
chown -R mysql:mysql $data
exec mariadbd --user=mysql --datadir=$data --skip-name-resolve "$@"
