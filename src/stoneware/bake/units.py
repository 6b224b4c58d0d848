"""The systemd units that a machine gets at run time, in /run: so that any image with systemd works as the recipe made it.

Units that a sealed machine has no use for are masked: nothing logs in, nothing updates, nothing waits for hardware that
isn't there. In software emulation each of them costs up to seconds.
"""

from __future__ import annotations

MASKED = """
getty.target getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service
systemd-logind.service ssh.service ssh.socket
systemd-udevd.service systemd-udev-trigger.service systemd-udev-settle.service systemd-udevd-kernel.socket
systemd-udevd-control.socket systemd-hwdb-update.service modprobe@.service systemd-modules-load.service
kmod-static-nodes.service systemd-tmpfiles-setup-dev.service systemd-pstore.service systemd-random-seed.service
systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-remount-fs.service
systemd-machine-id-commit.service systemd-journal-flush.service systemd-journal-catalog-update.service
systemd-sysusers.service systemd-update-done.service systemd-boot-update.service systemd-firstboot.service
systemd-ask-password-console.path systemd-ask-password-wall.path systemd-timesyncd.service systemd-rfkill.socket
systemd-initctl.socket systemd-sysext.service systemd-boot-system-token.service systemd-network-generator.service
systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service networking.service
apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service dpkg-db-backup.timer
e2scrub_all.timer e2scrub_reap.service fstrim.timer motd-news.timer man-db.timer logrotate.timer
systemd-tmpfiles-clean.timer dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
systemd-user-sessions.service systemd-binfmt.service systemd-repart.service systemd-growfs-root.service
systemd-quotacheck.service systemd-fsck-root.service systemd-sysctl.service rc-local.service systemd-battery-check.service
systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pcrphase-initrd.service systemd-pcrmachine.service
sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount
""".split()

GENERATORS = """
systemd-bless-boot-generator systemd-cryptsetup-generator systemd-debug-generator systemd-fstab-generator
systemd-getty-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator systemd-integritysetup-generator
systemd-rc-local-generator systemd-run-generator systemd-system-update-generator systemd-sysv-generator
systemd-veritysetup-generator systemd-tpm2-generator systemd-ssh-generator
""".split()
"""systemd's own generators: they look for disks, consoles and boot entries that a sealed machine doesn't have."""

KEEPER = """\
[Unit]
Description=Stoneware keeper
DefaultDependencies=no
IgnoreOnIsolate=yes
[Service]
ExecStart=/run/stoneware/bin/sh /run/stoneware/keeper
Restart=always
RestartSec=1
"""

WAIT = """\
[Unit]
Description=Up, waiting for disks
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""

MARKER = """\
[Unit]
Description=Marks that {target} is reached
DefaultDependencies=no
After={target}.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/run/stoneware/bin/busybox touch /run/stoneware/at-{target}
ExecStop=/run/stoneware/bin/busybox rm -f /run/stoneware/at-{target}
"""
"""A file that tells the keeper how far systemd is, so that it need not ask."""

MARKED = ("stoneware-wait", "multi-user")


def unit_files() -> dict[str, str]:
    """Units by path below /run/systemd."""
    markers = {f"system/stoneware-at-{target}.service": MARKER.format(target=target) for target in MARKED}
    return {"system/stoneware-keeper.service": KEEPER, "system/stoneware-wait.target": WAIT, **markers}


def unit_links() -> dict[str, str]:
    """Links by path below /run/systemd: masks, and what wants what."""
    links = {f"system/{unit}": "/dev/null" for unit in MASKED}
    links |= {f"system-generators/{generator}": "/dev/null" for generator in GENERATORS}
    links["system/sysinit.target.wants/stoneware-keeper.service"] = "../stoneware-keeper.service"
    for target in MARKED:
        links[f"system/{target}.target.wants/stoneware-at-{target}.service"] = f"../stoneware-at-{target}.service"
    return links
