#!/usr/bin/env bash
# The real programs that the tests talk to. As root it installs what is missing; otherwise it names it and fails.
set -euo pipefail
declare -A package=(
  [ssh]=openssh-client [sshd]=openssh-server [plink]=putty-tools [dbclient]=dropbear-bin
  [chromium]=chromium [ip]=iproute2 [tcpdump]=tcpdump [unshare]=util-linux [age]=age [git]=git [bash]=bash
  [xfreerdp]=freerdp2-x11 [rdesktop]=rdesktop [freerdp-shadow-cli]=freerdp2-shadow-x11 [winpr-hash]=winpr-utils
  [xrdp]=xrdp [Xvnc]=tigervnc-standalone-server [Xvfb]=xvfb [openbox]=openbox [xterm]=xterm [xdotool]=xdotool
  [xclip]=xclip [xsetroot]=x11-xserver-utils [setpriv]=util-linux
  [lftp]=lftp [curl]=curl [rsync]=rsync [rclone]=rclone [sshfs]=sshfs [fusermount3]=fuse3 [ansible]=ansible-core
)
missing=()
for program in "${!package[@]}"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
# Playwright brings a Node of its own, which wants this library.
/sbin/ldconfig -p | grep -q libatomic.so.1 || missing+=(libatomic1)
# What a desktop with logins needs, and a user who is not the machine's.
found() { compgen -G "/usr/lib/$1" >/dev/null; }
found xorg/modules/libxorgxrdp.so || missing+=(xorgxrdp)
found '*/libpam_wrapper.so' || missing+=(libpam-wrapper)
found '*/libnss_wrapper.so' || missing+=(libnss-wrapper)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "These Debian packages are missing, and only root can install them: ${missing[*]}" >&2
  echo "Run:  sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
