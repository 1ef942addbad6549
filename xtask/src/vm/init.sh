#!/bin/busybox sh
# The guest's first process. It shows the tests this machine's own root, read-only and with a RAM
# disk over it for what they write, but for /run/files, which outlives it; their output goes to the second serial port, and what their
# script ends with becomes the emulator's exit status.
/bin/busybox --install -s /bin
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /mod/*; do
    insmod "$module" || echo "insmod $module failed"
done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /ro
mount -t tmpfs rw /rw
mkdir -p /rw/upper /rw/work
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work overlay /new
for directory in proc sys dev; do
    mount --move /$directory /new/$directory
done
mount -t tmpfs run /new/run
mkdir /new/run/files
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 files /new/run/files
mount -t bpf bpf /new/sys/fs/bpf
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
cp /tests /new/run/tests
chroot /new /bin/sh /run/tests >/new/dev/ttyS1 2>&1 </new/dev/null
printf "\\x$(printf %02x $(($? & 127)))" | dd of=/new/dev/port bs=1 seek=244 count=1 2>/new/dev/null
poweroff -f
