#!/bin/bash
# build-uml.sh DIR [PACKAGE]
# Builds user-mode Linux of the kernel sources that Debian packages (PACKAGE, default: linux-source-6.12) into DIR, for
# VM_UML=1 VM_KERNEL=DIR of run-in-vm.sh: Debian has one of Linux 6.1 only. What containers need is built in, and there are no modules.
# Takes some 1,500 s of a processor. apt: gcc make flex bison bc libelf-dev xz-utils
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,6p "$0" >&2; exit 125; }
mkdir -p "$1"; OUT=$(realpath "$1"); PACKAGE=${2:-linux-source-6.12}
W=$(mktemp -d "${TMPDIR:-/var/tmp}/build-uml.XXXXXX"); trap 'rm -rf "$W"' EXIT
cd "$W"; mkdir deb
fetch() { for p in "$PACKAGE" user-mode-linux; do (cd deb && apt-get -q download "$p" >&2); done; }
fetch || { apt-get -q update >&2; fetch; }
for d in deb/*.deb; do dpkg -x "$d" x; done
tar -xf x/usr/src/"$PACKAGE".tar.*
cd "$PACKAGE"
# The options of Debian's own, without its modules, and with these.
zcat ../x/usr/share/doc/user-mode-linux/config.gz | sed 's/^\(CONFIG_.*\)=m$/# \1 is not set/' >.config
for o in OVERLAY_FS SQUASHFS EROFS_FS EROFS_FS_ZIP BLK_DEV BLK_DEV_LOOP FUSE_FS TUN VETH BRIDGE DUMMY NETFILTER NETFILTER_ADVANCED \
  NF_CONNTRACK NF_TABLES NF_TABLES_INET NF_TABLES_IPV4 NF_TABLES_IPV6 NF_NAT NFT_NAT NFT_MASQ NFT_CT SECURITY_LANDLOCK DEVTMPFS \
  DEBUG_FS CGROUP_RDMA CGROUP_MISC BLK_DEV_THROTTLING IKCONFIG IKCONFIG_PROC DEBUG_INFO_NONE; do echo "CONFIG_$o=y"; done >>.config
for o in MODULES SECURITY_SELINUX SECURITY_APPARMOR SECURITY_SMACK SECURITY_TOMOYO UML_NET UML_NET_VDE UML_NET_VECTOR UML_SOUND \
  SOUND WLAN XFS_FS BTRFS_FS JFS_FS GFS2_FS OCFS2_FS NFS_FS CIFS; do echo "# CONFIG_$o is not set"; done >>.config
echo 'CONFIG_LSM="landlock,lockdown,yama,bpf"' >>.config
make -s ARCH=um olddefconfig
make -s ARCH=um -j"$(nproc)" linux >&2
V=$(make -s ARCH=um kernelrelease)
mkdir -p "$OUT/usr/bin" "$OUT/lib/modules/$V"
install -m 755 -s linux "$OUT/usr/bin/linux.uml"
cp modules.builtin modules.builtin.modinfo "$OUT/lib/modules/$V/"; : >"$OUT/lib/modules/$V/modules.order"
echo "$OUT/usr/bin/linux.uml: Linux $V" >&2
