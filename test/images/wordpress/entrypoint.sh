#!/bin/sh
# Copies the site into its folder where there is none, then becomes the web server.
set -e
[ "$1" = apache2-foreground ] || exec "$@"
shift
site=/var/www/html

if [ ! -e $site/wp-config.php ]; then
  cat /usr/share/ca-certificates/mozilla/*.crt >/etc/ssl/certs/ca-certificates.crt
  rm -f /usr/share/wordpress/wp-config.php
  cp -rL /usr/share/wordpress/. $site
  echo '<?php' >$site/wp-salts.php
  for salt in AUTH_KEY SECURE_AUTH_KEY LOGGED_IN_KEY NONCE_KEY AUTH_SALT SECURE_AUTH_SALT LOGGED_IN_SALT NONCE_SALT; do
    echo "define('$salt', '$(head -c 48 /dev/urandom | base64 -w 0)');" >>$site/wp-salts.php
  done
  # The configuration comes last: a copy that was broken off is made anew.
  cp /etc/wordpress/wp-config.php $site/wp-config.new
  chown -R www-data:www-data $site
  mv $site/wp-config.new $site/wp-config.php
fi
PHP_MODULE=$(echo /usr/lib/apache2/modules/libphp*.so)
export PHP_MODULE
exec apache2 -D FOREGROUND "$@"
