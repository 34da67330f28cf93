#!/bin/bash
# Install mmied as a service: a virtual environment in /opt/mmied, a systemd unit, a configuration to fill in.
# Running it again upgrades; what is there of configuration and state stays.
set -euo pipefail

usage() {
    cat <<'END'
usage: install.sh [--source DIR|WHEEL] [--extras NAME,...] [--python FILE] [--torch-index URL] [--unpinned] [--root DIR]
       install.sh --uninstall [--purge] [--root DIR]

  --source DIR|WHEEL  what to install; default: this checkout, or mmied from the package index where there is none
  --extras NAME,...   optional parts, as in pip install 'mmied[NAME]': huggingface, postgresql, ...
  --python FILE       the interpreter, 3.11 or newer, not below a home folder; default: /usr/bin/python3, or the first
                      of python3.14 to python3.11 that will do
  --torch-index URL   a further index for pip, for a build of torch that the default one does not have
  --unpinned          the newest torch instead of the one in constraints.txt, with which mmied was tested
  --uninstall         take away service, unit and virtual environment; configuration and state stay
  --purge             with --uninstall: take away configuration and state, too
  --root DIR          another root to install into, as for an image; nothing is started
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")/.." && pwd)
root='' python='' extras='' torch_index='' pinned=yes action=install purge=no
source=$([ -f "$here/pyproject.toml" ] && echo "$here" || echo mmied)
while [ $# -gt 0 ]; do
    case $1 in
    --source | --extras | --python | --torch-index | --root)
        [ $# -ge 2 ] || fail "$1 needs a value; see install.sh --help"
        case $1 in
        --source) source=$2 ;;
        --extras) extras=$2 ;;
        --python) python=$2 ;;
        --torch-index) torch_index=$2 ;;
        --root) root=${2%/} ;;
        esac
        shift
        ;;
    --unpinned) pinned=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
[ "$purge" = no ] || [ "$action" = uninstall ] || fail "--purge goes with --uninstall"
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "has to be run by root, or with --root DIR"

home=/opt/mmied
venv=$root$home
# Beside the distribution's units in /usr/lib; /etc/systemd/system stays for what the host's owner says about them.
units=$root/usr/local/lib/systemd/system
config=$root/etc/mmied/mmied.yaml
command=$root/usr/local/bin/mmied
umask 022 # the service's user is not root, and has to read it all

# Tell systemd, where it runs: not in an image that is being made, nor in a container.
tell_systemd() {
    [ -n "$root" ] || [ ! -d /run/systemd/system ] || systemctl "$@"
}

will_do() {
    "$1" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        ! below_home "$("$1" -c 'import sys; print(sys.base_prefix)')"
}

below_home() {
    case $1/ in /home/* | /root/* | /run/user/*) return 0 ;; *) return 1 ;; esac
}

find_python() {
    if [ -n "$python" ]; then
        "$python" -c '' 2>/dev/null || fail "--python: $python does not run"
        will_do "$python" || fail "--python: $python is older than 3.11, lacks ensurepip (Debian: python3-venv)," \
            "or lives below a home folder, which the unit's ProtectHome= hides: the service would end with 203/EXEC"
        echo "$python"
        return
    fi
    local name
    for name in /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null && will_do "$name"; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11 or newer outside of home folders, with ensurepip; on Debian and Ubuntu:" \
        "apt-get install python3-venv, else give --python FILE"
}

make_venv() {
    local interpreter
    if ! "$venv/bin/python3" -c 'import pip' 2>/dev/null; then # absent, or its interpreter was upgraded away
        interpreter=$(find_python)
        rm -rf "$venv"
        "$interpreter" -m venv "$venv"
    fi
    local pins=() what=$source${extras:+[$extras]}
    [ "$pinned" = no ] || [ ! -f "$here/constraints.txt" ] || pins=(--constraint "$here/constraints.txt")
    [ -z "$torch_index" ] || pins+=(--extra-index-url "$torch_index")
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --upgrade "${pins[@]}" "$what"
    [ -z "$root" ] || find "$venv/bin" -type f -exec sed -i "1s|^#!$venv/|#!$home/|" {} +
}

install_files() {
    install -d "$units" "$root/etc/mmied" "$(dirname "$command")" "$venv/share/mmied"
    install -m 644 "$here"/systemd/mmied.service "$here"/systemd/mmied.slice "$units"
    install -m 644 "$here"/systemd/drop-ins/*.conf "$here/deploy/mmied.example.yaml" "$venv/share/mmied"
    [ -e "$command" ] || ln -sf "$home/bin/mmied" "$command"
    # The example's models are not this host's: they are left as comments.
    [ -e "$config" ] || sed '/^models:/,$ { s/^models:/models: []  # yours, in the form of these/; s/^  \([^# ]\|  \)/  # \1/ }' \
        "$here/deploy/mmied.example.yaml" >"$config"
}

case $action in
install)
    [ -f "$here/systemd/mmied.service" ] || fail "$here/systemd is not there: run it from an unpacked mmied"
    echo "installing $source into $venv"
    make_venv
    install_files
    systemctl ${root:+--root="$root"} --quiet enable mmied.service
    tell_systemd daemon-reload
    tell_systemd try-restart mmied.service
    cat <<END
installed. What comes next:
  $home/bin/mmied doctor               # what this host lacks
  \$EDITOR /etc/mmied/mmied.yaml        # your models
  $home/bin/mmied check --load && systemctl start mmied
END
    ;;
uninstall)
    [ ! -e "$units/mmied.service" ] || tell_systemd stop mmied.service
    [ ! -e "$units/mmied.service" ] || systemctl ${root:+--root="$root"} --quiet disable mmied.service
    rm -rf "$venv" "$units/mmied.service" "$units/mmied.slice"
    rm -rf "$root/var/cache/private/mmied" "$root/var/cache/mmied"
    [ "$(readlink "$command")" != "$home/bin/mmied" ] || rm "$command"
    if [ "$purge" = yes ]; then
        rm -rf "$root/etc/mmied" "$root/etc/systemd/system/mmied.service.d"
        rm -rf "$root/var/lib/private/mmied" "$root/var/lib/mmied"
    fi
    tell_systemd daemon-reload
    [ "$purge" = yes ] || echo "uninstalled; /etc/mmied and /var/lib/mmied are still there (--purge takes them away)"
    ;;
esac
