# Words that init, keeper and the others share. All of them run in busybox's shell, whose applets go before anything else of the
# same name: no program of the image is run by mistake, and most of them need no new process.

say() {
    echo "stoneware: $*" >/dev/console
}

# fact NAME: what the engine says of this machine, from QEMU's fw_cfg; without an engine, what came with the disk
fact() {
    if [ -d /lib/facts ]; then
        cat "/lib/facts/$1"
    else
        cat "/sys/firmware/qemu_fw_cfg/by_name/opt/org.stoneware/$1/raw" 2>/dev/null
    fi
}

# from now on nobody changes the secrets of the root $1
close_secrets() {
    mount -t tmpfs -o remount,ro,mode=0755,nosuid,nodev,noexec secrets "$1/run/secrets"
}

# sets $found to the program that a name means, along the path $2
find_program() {
    found=$1
    case $1 in */*) return ;; esac
    oldifs=$IFS
    IFS=:
    for place in $2; do
        if [ -x "$place/$1" ] && [ ! -d "$place/$1" ]; then
            found=$place/$1
            break
        fi
    done
    IFS=$oldifs
}

# sets $port to the virtio port number $1, waiting for it; the kernel counts all virtio devices in its name
await_port() {
    while :; do
        for port in /dev/vport*p"$1"; do
            [ -c "$port" ] && return
        done
        usleep 50000
    done
}
