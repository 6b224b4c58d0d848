# Words that init and keeper share.

bb=/bin/busybox
[ -x "$bb" ] || bb=/run/stoneware/bin/busybox

say() {
    echo "stoneware: $*" >/dev/console
}

# fact NAME: what the engine says of this machine, from QEMU's fw_cfg; without an engine, what came with the disk
fact() {
    if [ -d /lib/facts ]; then
        $bb cat "/lib/facts/$1"
    else
        $bb cat "/sys/firmware/qemu_fw_cfg/by_name/opt/org.stoneware/$1/raw" 2>/dev/null
    fi
}
