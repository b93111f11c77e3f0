#!/bin/bash
# Builds a bootable Debian of another architecture than this machine's into $OUT, with what build-image.sh makes: its
# packages are unpacked here and configured by the machine itself, emulated, which takes some minutes. Given in the
# environment as there, and ARCH (Debian's name), EMULATOR (a QEMU with its machine), KERNEL_OPTIONS.
set -euo pipefail
root=$OUT/root
mkdir -p "$root" "$DEBS"
debootstrap --foreign --arch="$ARCH" --variant=minbase --cache-dir="$DEBS" --keyring="$KEYRING" \
  --include="$PACKAGES" "$SUITE" "$root" "$MIRROR"

# What is slow where it is emulated is done here: decompressing. They keep all their files: one without any counts as
# replaced by others, and is gone.
for deb in "$root"/var/cache/apt/archives/*.deb; do
  dpkg-deb -R "$deb" "$OUT/deb"
  dpkg-deb -Znone -b "$OUT/deb" "$OUT/plain.deb" >/dev/null
  mv "$OUT/plain.deb" "$deb"
  rm -rf "$OUT/deb"
done

mkdir -p "$OUT/kernel"
dpkg -x "$root"/var/cache/apt/archives/linux-image-[0-9]*.deb "$OUT/kernel"
cp "$OUT"/kernel/boot/vmlinuz-* "$OUT/vmlinuz"
rm -rf "$OUT/kernel"
ssh-keygen -q -t ed25519 -N '' -C k8ts-test -f "$OUT/key"
install -m 644 "$OUT/key.pub" "$root/key.pub"
install -D -m 755 "$NODE" "$root/usr/local/bin/node"
install -d "$root/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/k8ts-test"

cat >"$root/second-stage" <<'END'
#!/bin/bash
# The machine's first process, once.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
# Packages would make the initrd twice, with all modules, which takes ten minutes each.
export INITRD=No
finish() {
  set -e
  echo debian >/etc/hostname
  printf '127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
  echo '/dev/vda / ext4 defaults,errors=remount-ro 0 1' >/etc/fstab
  printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/20-dhcp.network
  systemctl --quiet enable systemd-networkd ssh
  systemctl --quiet disable etcd 2>/dev/null || true
  useradd --create-home --shell /bin/bash user
  for home in root home/user; do install -D -m 600 /key.pub "/$home/.ssh/authorized_keys"; done
  chown -R user: /home/user
  printf 'PermitRootLogin prohibit-password\nUseDNS no\n' >/etc/ssh/sshd_config.d/k8ts-test.conf
  mkdir -p /opt/k8ts
  echo MODULES=list >/etc/initramfs-tools/conf.d/k8ts-test
  printf 'virtio_pci\nvirtio_blk\next4\n' >>/etc/initramfs-tools/modules
  update-initramfs -c -k "$(ls /lib/modules)"
  cp --remove-destination /boot/initrd.img-* /initrd.img
  rm /key.pub /second-stage
  touch /finished
}
if /debootstrap/debootstrap --second-stage; then
  mountpoint -q /proc || mount -t proc proc /proc
  (finish)
else
  tail -n 50 /debootstrap/debootstrap.log
fi
sync
mount -o remount,ro /
mountpoint -q /proc || mount -t proc proc /proc
echo o >/proc/sysrq-trigger
sleep 60
END
chmod 755 "$root/second-stage"
mkfs.ext4 -q -L root -d "$root" "$OUT/disk.img" "$SIZE"
rm -rf "$root"

# A disk that the kernel can read without modules; there is no initrd yet.
echo 'the machine configures its packages'
timeout --kill-after=5 5400 setpriv --pdeathsig KILL $EMULATOR -accel tcg,thread=multi -smp 2 -m 2048 -no-reboot \
  -display none -no-user-config -nodefaults -kernel "$OUT/vmlinuz" -serial "file:$OUT/console.log" \
  -append "root=/dev/nvme0n1 rw $KERNEL_OPTIONS panic=-1 quiet init=/second-stage" \
  -drive "file=$OUT/disk.img,if=none,id=root,format=raw,cache=unsafe" -device nvme,drive=root,serial=root
# Only what it has sent to its disk counts.
fsck.ext4 -p "$OUT/disk.img" || [ $? -le 1 ]
debugfs -R "dump /initrd.img $OUT/initrd.img" "$OUT/disk.img" 2>/dev/null
if [[ ! -s $OUT/initrd.img ]] || ! debugfs -R 'stat /finished' "$OUT/disk.img" 2>&1 | grep -q Inode; then
  tail -n 60 "$OUT/console.log"
  exit 1
fi
rm "$OUT/console.log"
