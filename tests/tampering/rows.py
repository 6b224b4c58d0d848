"""The table of tamperings: what somebody does behind our back, and the class of drift that has to come of it.

A row is done by whoever has a bench for an engine: `tests/tampering/fake.py` does all of them in memory. What an engine makes
impossible, its bench says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`deed` is a method of the bench. `kinds` are the classes that must be reported, all of them and no others."""

    deed: str
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return self.deed


ROWS = [
    Row("flip_a_byte_of_a_stored_image", ("image.file",)),
    Row("lose_a_file_of_a_stored_image", ("image.file",)),
    Row("edit_the_manifest_in_the_catalog", ("image.file",)),
    Row("flip_a_byte_under_a_running_machine", ("inside.corrupted",)),
    Row("boot_another_root", ("inside.root-hash",)),
    Row("leave_a_layer_out", ("inside.root-hash",)),
    Row("replace_an_open_file_of_the_image", ("machine.files",)),
    Row("start_another_image_under_its_name", ("machine.image",)),
    Row("show_one_image_and_run_another", ("machine.image",)),
    Row("give_it_more_memory", ("machine.size",)),
    Row("take_cpus_from_it", ("machine.size",)),
    Row("restart_it_with_other_memory_behind_its_record", ("machine.size",)),
    Row("change_its_configuration", ("machine.configuration",)),
    Row("give_it_another_secret", ("machine.configuration",)),
    Row("open_another_port_to_it", ("machine.address",)),
    Row("write_where_nothing_is_written", ("inside.written",)),
    Row("run_a_package_manager", ("inside.written",)),
    Row("mount_over_a_folder", ("inside.mounted",)),
    Row("open_a_port", ("inside.port",)),
    Row("stop_listening", ("inside.port",)),
    Row("start_a_unit", ("inside.unit",)),
    Row("stop_a_unit", ("inside.unit",)),
    Row("start_a_program", ("inside.program",)),
    Row("start_a_program_from_memory", ("inside.program",)),
    Row("log_in", ("inside.session",)),
    Row("silence_it", ("inside.silent",)),
    Row("be_let_in", ("machine.tainted",)),
    Row("kill_it", ("machine.missing",)),
    Row("delete_it", ("machine.missing",)),
    Row("stop_it", ("machine.missing",)),
    Row("start_an_extra_machine", ("machine.extra",)),
    Row("start_a_machine_beyond_the_size", ("machine.extra",)),
    Row("edit_the_map_of_the_proxy", ("route.changed",)),
    Row("hold_the_requests", ("route.changed",)),
    Row("send_requests_to_another_address", ("route.changed",)),
    Row("drain_a_member", ("route.changed",)),
    Row("listen_elsewhere", ("route.changed",)),
    Row("give_a_share_to_another_pool", ("route.changed", "route.weights")),
    Row("remove_the_route", ("route.missing",)),
    Row("add_an_extra_service", ("route.extra",)),
    Row("delete_a_disk", ("disk.missing", "machine.disk")),
    Row("swap_the_disks_of_two_machines", ("disk.writer", "machine.disk")),
    Row("resize_a_disk", ("disk.size",)),
    Row("swap_the_files_of_two_disks", ("disk.missing",)),
    Row("make_an_extra_disk", ("disk.extra",)),
    Row("edit_the_release_in_the_database", ("release.changed",)),
    Row("edit_what_the_release_declares", ("release.changed",)),
    Row("let_everything_pass_in_the_releases_row", ("inside.port", "release.changed")),
    Row("spoil_the_releases_row", ("release.changed",)),
    Row("condemn_the_release_in_the_database", ("release.changed",)),
    Row("take_the_releases_row_away", ("release.changed",)),
    Row("forget_what_a_release_keeps", ("release.changed",)),
    Row("begin_an_operation_in_the_database", ("operation.forged",)),
    Row("give_a_role_in_the_database", ("installation.changed",)),
    Row("set_the_clock_back", ("clock.back",)),
    Row("revoke_the_image", ("policy.revoked",)),
    Row("deprecate_the_image", ("policy.deprecated",)),
    Row("make_the_image_obsolete", ("policy.obsolete",)),
    Row("take_a_revocation_back_in_the_database", ("image.changed", "policy.revoked")),
    Row("make_a_deprecated_image_active_in_the_database", ("image.changed", "policy.deprecated")),
    Row("revoke_the_image_in_the_database", ("image.changed",)),
    Row("set_a_timer_in_the_database", ("image.changed",)),
    Row("forget_a_taint_in_the_database", ("machine.tainted",)),
]

"""Of every engine, the one in memory too."""
MORE = [
    Row("take_a_member_out", ("route.changed",)),
    Row("remove_an_entry_of_the_map", ("route.changed",)),
    Row("edit_a_label", ("route.changed",)),
    Row("let_clients_stay", ("route.changed",)),
    Row("weigh_a_member", ("route.changed",)),
    Row("stop_checking_a_member", ("route.changed",)),
    Row("put_a_member_where_no_pool_is", ("route.changed",)),
    Row("close_the_entry", ("route.changed",)),
    Row("limit_what_the_proxy_takes", ("route.changed",)),
    Row("limit_what_its_entry_takes", ("route.changed",)),
    Row("limit_how_fast_the_proxy_takes_it", ("route.changed",)),
    Row("check_a_member_elsewhere", ("route.changed",)),
    Row("make_a_member_a_backup", ("route.changed",)),
    Row("refuse_everybody_by_a_rule", ("route.changed",)),
    Row("write_into_the_proxys_configuration", ("route.changed",)),
    Row("listen_elsewhere_too", ("route.changed",)),
    Row("write_rubbish_over_the_route", ("route.missing",)),
    Row("edit_an_entry_of_the_ledger", ("ledger.broken",)),
    Row("insert_an_entry_into_the_ledger", ("ledger.broken",)),
    Row("remove_an_entry_from_the_ledger", ("ledger.broken",)),
]
"""Of real engines and their proxy alone. `ledger.broken` is what drift and `stoneware ledger verify` say."""
