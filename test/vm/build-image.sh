#!/bin/bash
# Builds a bootable Debian into $OUT: disk.img (ext4 without partitions), vmlinuz, initrd.img and an ssh key.
# Given by image.ts in the environment: OUT, DEBS (downloaded packages, kept), SUITE, MIRROR, KEYRING, PACKAGES
# (with commas), SIZE of the disk, NODE (the node binary). Root; runs in namespaces of its own, so that what
# debootstrap mounts and starts goes with it.
set -euo pipefail
root=$OUT/root
mkdir -p "$root" "$DEBS"
debootstrap --variant=minbase --cache-dir="$DEBS" --keyring="$KEYRING" --include="$PACKAGES" "$SUITE" "$root" "$MIRROR"

echo debian >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 defaults,errors=remount-ro 0 1' >"$root/etc/fstab"
printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/20-dhcp.network"
chroot "$root" systemctl --quiet enable systemd-networkd ssh
# Installed for their programs; a user's machine does not run them.
for service in etcd docker docker.socket containerd ufw firewalld; do
  chroot "$root" systemctl --quiet disable "$service" 2>/dev/null || true
done

install -D -m 755 "$NODE" "$root/usr/local/bin/node"
mkdir -p "$root/opt/k8ts"

# Root and an ordinary user, both by the same key.
chroot "$root" useradd --create-home --shell /bin/bash user
ssh-keygen -q -t ed25519 -N '' -C k8ts-test -f "$OUT/key"
for home in root home/user; do install -D -m 600 "$OUT/key.pub" "$root/$home/.ssh/authorized_keys"; done
chroot "$root" chown -R user: /home/user
printf 'PermitRootLogin prohibit-password\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/k8ts-test.conf"

cp "$root"/boot/vmlinuz-* "$OUT/vmlinuz"
cp "$root"/boot/initrd.img-* "$OUT/initrd.img"
mkfs.ext4 -q -L root -d "$root" "$OUT/disk.img" "$SIZE"
rm -rf "$root"
