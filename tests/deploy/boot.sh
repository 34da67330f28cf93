#!/bin/bash
# Be the systemd of a machine of its own: this host's file system under a throw-away layer, in namespaces.
#
#   unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child --propagation private \
#       boot.sh STAGE MOUNT TARGET [SOURCE:PLACE]...
#
# STAGE is a directory that is laid over the file system, MOUNT an empty one to work in, each SOURCE one that is to be
# seen, unchanged, at PLACE.
# Nothing of the host is changed, and nothing is left when the process that this becomes is killed: all that is
# written goes to memory that belongs to the new mount namespace.
set -eu
stage=$1 layers=$2 target=$3
shift 3

mount -t tmpfs -o size=2g tmpfs "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
root=$layers/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$root"

rm -rf "$root"/etc/systemd/system/*.wants # what this host starts is not what the test starts
cp -a "$stage/." "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

echo 00000000000000000000000000000001 >"$root/etc/machine-id"

for pair in "$@"; do
    mkdir -p "$root${pair#*:}"
    mount --bind -o ro "${pair%%:*}" "$root${pair#*:}"
done

cd "$root"
mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
exec env -i container=mmied-test PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    /lib/systemd/systemd --unit="$target" --log-target=console --show-status=0
