<?php
define('DB_NAME', getenv('WORDPRESS_DB_NAME') ?: 'wordpress');
define('DB_USER', getenv('WORDPRESS_DB_USER') ?: 'wordpress');
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD') ?: '');
define('DB_HOST', getenv('WORDPRESS_DB_HOST') ?: 'mysql');
define('DB_CHARSET', getenv('WORDPRESS_DB_CHARSET') ?: 'utf8mb4');
define('DB_COLLATE', getenv('WORDPRESS_DB_COLLATE') ?: '');
define('WP_DEBUG', (bool) getenv('WORDPRESS_DEBUG'));
// New versions come with the image; nothing is asked of other sites, neither for updates nor for news.
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
$table_prefix = getenv('WORDPRESS_TABLE_PREFIX') ?: 'wp_';
require __DIR__ . '/wp-salts.php';
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
