"""Real builds: steps in podman, from the queue to the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.conftest import Shop, commit, git
from tests.support.building import spec, step
from tests.support.step_image import IMAGE

from stoneware.errors import BadInput, Refused
from stoneware.host.files import is_locked
from stoneware.model.build import Artifacts, BuildStatus, StepVolume
from stoneware.pipeline.source import resolve_ref
from stoneware.spec.cloudbuild.check import LARGEST_STEP, LONGEST_ENV

pytestmark = pytest.mark.host


def test_steps_share_a_workspace_and_a_home(shop: Shop) -> None:
    view = shop.run(
        spec(
            step("first", "cat hello.txt; echo made >out.txt; echo mine >~/note; echo $HOME"),
            step("second", "cat /workspace/out.txt; cat /builder/home/note"),
        )
    )
    assert view.status is BuildStatus.SUCCESS, (view, shop.log(view.id))
    log = shop.log(view.id)
    assert 'Step #0 - "first": hello from the source\n' in log
    assert 'Step #0 - "first": /builder/home\n' in log
    assert 'Step #1 - "second": made\n' in log
    assert 'Step #1 - "second": mine\n' in log
    assert [record.exit_code for record in view.steps] == [0, 0]
    assert all(record.began_at and record.ended_at and record.ended_at > record.began_at for record in view.steps)
    assert not shop.containers()


def test_a_step_that_fails_ends_the_build_and_those_beside_it(shop: Shop) -> None:
    view = shop.run(
        spec(
            step("slow", "sleep 60", waits_for=()),
            step("bad", "echo oh dear; exit 3", waits_for=()),
            step("after", "echo never", waits_for=(0, 1)),
        )
    )
    assert (view.status, view.because, view.code) == (
        BuildStatus.FAILURE,
        "step 'bad' failed with exit code 3",
        "build-failed",
    )
    assert [one.status for one in view.steps] == [BuildStatus.CANCELLED, BuildStatus.FAILURE, BuildStatus.CANCELLED]
    assert view.steps[1].exit_code == 3
    assert "never" not in shop.log(view.id)
    assert not shop.containers()


def test_a_step_may_end_as_podman_itself_does(shop: Shop) -> None:
    """A builder that is podman ends so when what it was told fails: that is the step's failure, not the runner's."""
    view = shop.run(spec(step("its own", "echo Error: no such image >&2; exit 125")))
    assert (view.status, view.because) == (BuildStatus.FAILURE, "step 'its own' failed with exit code 125")
    view = shop.run(spec(step("not run", image="localhost/nosuch:1")))
    assert view.status is BuildStatus.FAILURE
    assert "builder map" in view.steps[0].because


def test_a_failure_can_be_allowed(shop: Shop) -> None:
    view = shop.run(
        spec(
            step("any", "exit 7", allow_failure=True),
            step("some", "exit 4", allowed_codes=(4, 5)),
            step("last", "echo came here"),
        )
    )
    assert view.status is BuildStatus.SUCCESS
    assert [one.status for one in view.steps] == [BuildStatus.FAILURE, BuildStatus.FAILURE, BuildStatus.SUCCESS]
    assert "came here" in shop.log(view.id)


def test_steps_that_wait_for_nothing_run_at_once(shop: Shop) -> None:
    meet = "echo $ME >/workspace/$ME; n=0; while [ ! -e /workspace/$OTHER ]; do sleep 0.05; n=$((n+1)); [ $n -lt 400 ]; done"
    view = shop.run(
        spec(
            step("a", meet, environment=("ME=a", "OTHER=b"), waits_for=()),
            step("b", meet, environment=("ME=b", "OTHER=a"), waits_for=()),
        )
    )
    assert view.status is BuildStatus.SUCCESS, shop.log(view.id)


def test_times_of_a_step_and_of_a_build(shop: Shop) -> None:
    slow_step = shop.begin(spec(step("slow", "sleep 60", timeout_s=0.5)))
    slow_build = shop.begin(spec(step("slow", "sleep 60"), step("next", "true"), timeout_s=0.5))
    one, two = shop.wait(slow_step), shop.wait(slow_build)
    assert (one.status, one.because) == (BuildStatus.TIMEOUT, "step 'slow' took too long: longer than 0.5s")
    assert (two.status, two.because) == (BuildStatus.TIMEOUT, "it took longer than 0.5s")
    assert [step.status for step in two.steps] == [BuildStatus.TIMEOUT, BuildStatus.CANCELLED]
    assert not shop.containers()


def test_a_build_is_cancelled(shop: Shop) -> None:
    build = shop.begin(spec(step("slow", "echo begun; sleep 60")))
    shop.wait_for_log(build, "begun")
    shop.daemon.services.building.cancel(build, "bea@host", "not this one")
    view = shop.wait(build)
    assert (view.status, view.because) == (BuildStatus.CANCELLED, "cancelled by bea@host: not this one")
    assert not shop.containers()
    again = shop.daemon.services.building.retry(build, "bea@host")
    assert shop.wait_for_log(again.id, "begun")
    assert shop.view(again.id).retries == build


def test_what_a_step_is_told(shop: Shop) -> None:
    view = shop.run(
        spec(
            step("words", image=IMAGE, entrypoint="echo", args=("one  two", "$HOME", "*")),
            step("bash", "#!/bin/bash\necho ${BASH_VERSION:+bash} $GREETING; pwd", environment=("GREETING=good day",)),
            step("where", "pwd", directory="/workspace/a/b"),
            step("writes", "echo kept >/cache/x", volumes=(StepVolume(name="cache", path="/cache"),)),
            step(
                "reads",
                "cat /other/x; ls /cache 2>/dev/null || echo no cache",
                volumes=(StepVolume(name="cache", path="/other"),),
            ),
            step("lines", 'echo "$TEXT"', environment=("TEXT=one\ntwo",)),
        )
    )
    assert view.status is BuildStatus.SUCCESS, shop.log(view.id)
    log = shop.log(view.id)
    assert '"words": one  two $HOME *\n' in log
    assert '"bash": bash good day\n' in log
    assert '"bash": /workspace\n' in log
    assert '"where": /workspace/a/b\n' in log
    assert '"reads": kept\n' in log and '"reads": no cache\n' in log
    assert '"lines": one\n' in log and '"lines": two\n' in log


def test_an_image_that_is_not_there(shop: Shop) -> None:
    view = shop.run(spec(step("lost", image="nobody-has-this", args=("x",))))
    assert view.status is BuildStatus.FAILURE
    assert "its image isn't there" in view.because and "stoneware builder map" in view.because


def test_a_program_that_is_not_there(shop: Shop) -> None:
    view = shop.run(spec(step("lost", image=IMAGE, entrypoint="no-such-program")))
    assert view.status is BuildStatus.FAILURE
    assert "exit code 127" in view.because and "no-such-program" in view.because


def test_a_commit_of_a_repository_is_fetched(shop: Shop, tmp_path: Path) -> None:
    repository = tmp_path / "app.git"
    work = tmp_path / "work"
    git("init", "--quiet", "-b", "main", str(work))
    (work / "version").write_text("one\n")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "-qm", "one")
    git("clone", "--quiet", "--bare", str(work), str(repository))
    (work / "version").write_text("two\n")
    git("-C", str(work), "commit", "-qam", "two")
    git("-C", str(work), "push", "-q", str(repository), "main")
    first = resolve_ref(str(repository), "main")
    assert (first.branch, first.name) == ("main", "app")
    second = git("-C", str(work), "rev-parse", "HEAD~1").strip()
    builds = [
        shop.begin(spec(step("v", "cat version; ls -a")), source=one)
        for one in (first, resolve_ref(str(repository), second))
    ]
    views = [shop.wait(build) for build in builds]
    assert [view.status for view in views] == [BuildStatus.SUCCESS] * 2, shop.log(views[0].id)
    assert '"v": two\n' in shop.log(builds[0])
    assert '"v": one\n' in shop.log(builds[1])
    lost = shop.run(spec(step("v", "true")), source=first.model_copy(update={"commit": "0" * 40}))
    assert lost.status is BuildStatus.FAILURE
    assert "the source can't be fetched" in lost.because


def test_files_are_kept_and_links_are_not_followed(shop: Shop) -> None:
    secret = shop.home.signing_key
    secret.touch()
    view = shop.run(
        spec(
            step(
                "make",
                f"mkdir -p dist/a; echo 1 >dist/a/x.whl; echo 2 >dist/y.whl; ln -s {secret} dist/z.whl; ln -s / dist/all",
            ),
            artifacts=Artifacts(paths=("dist/**/*.whl", "hello.txt")),
        )
    )
    assert view.status is BuildStatus.SUCCESS, view
    assert view.kept == ("dist/a/x.whl", "dist/y.whl", "hello.txt")
    assert (Path(view.kept_in) / "dist/y.whl").read_text() == "2\n"
    lost = shop.run(spec(step("make", "true"), artifacts=Artifacts(paths=("dist/*.whl",))))
    assert (lost.status, lost.because) == (
        BuildStatus.FAILURE,
        "no file in the workspace is dist/*.whl (check `artifacts` and the step that makes it)",
    )


def test_an_image_that_was_promised_must_be_there(shop: Shop) -> None:
    assert shop.run(spec(step("s", "true"), images=(IMAGE,))).status is BuildStatus.SUCCESS
    lost = shop.run(spec(step("s", "true"), images=("localhost/nobody:1",)))
    assert lost.because == "no step has made the image localhost/nobody:1"


CLOUDBUILD = f"""
steps:
- name: {IMAGE}
  entrypoint: sh
  args: ["-c", "echo $BUILD_ID $$HOME ${{_WHO}}"]
- id: second
  name: {IMAGE}
  script: |
    #!/bin/bash
    echo "second of $BUILD_ID"
  waitFor: ["-"]
  automapSubstitutions: true
substitutions: {{_WHO: nobody}}
tags: [nightly]
"""


def test_a_build_file_is_read(shop: Shop) -> None:
    (shop.folder / "cloudbuild.yaml").write_text(CLOUDBUILD)
    view = shop.run(None, substitutions={"_WHO": "bea"})
    assert view.status is BuildStatus.SUCCESS, view
    assert f"Step #0: {view.id} /builder/home bea\n" in shop.log(view.id)
    assert f'Step #1 - "second": second of {view.id}\n' in shop.log(view.id)
    assert view.tags == ("nightly",)


def test_a_build_file_of_a_folder_that_is_wrong_is_refused_at_once(shop: Shop) -> None:
    (shop.folder / "cloudbuild.yaml").write_text("steps:\n- name: x\n  colour: red\n")
    with pytest.raises(BadInput) as bad:
        shop.begin(None)
    assert bad.value.problems[0].line == 3


def test_a_build_file_of_a_commit_that_is_wrong_fails_the_build(shop: Shop, tmp_path: Path) -> None:
    work = commit(tmp_path / "work", {"cloudbuild.yaml": "steps:\n- name: x\n  colour: red\n"})
    view = shop.run(None, source=resolve_ref(str(work), "main"))
    assert (view.status, view.code) == (BuildStatus.FAILURE, "build-file-invalid")
    assert "cloudbuild.yaml:3 steps[0].colour" in shop.log(view.id)


def test_a_build_file_is_no_link_to_the_host(shop: Shop, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "cloudbuild.yaml").symlink_to("/etc/passwd")
    commit(work, {})
    view = shop.run(None, source=resolve_ref(str(work), "main"))
    assert view.status is BuildStatus.FAILURE
    assert "no link" in view.because and "root:" not in shop.log(view.id)


def test_what_is_not_allowed_is_refused_before_anything_runs(shop: Shop, tmp_path: Path) -> None:
    steps = (step("echo", "echo ran"), step("d", image="gcr.io/cloud-builders/docker", args=("ps",)))
    with pytest.raises(Refused) as no:
        shop.begin(spec(*steps))
    assert no.value.code == "build-not-allowed" and "step d needs docker" in no.value.message
    text = (
        f"steps:\n- name: {IMAGE}\n  script: echo ran\n- name: stoneware/bake\n- name: stoneware/deploy\n  args: [a]\n"
    )
    work = commit(tmp_path / "work", {"cloudbuild.yaml": text})
    view = shop.run(None, source=resolve_ref(str(work), "main"), allowed=("bake",))
    assert (view.status, view.code) == (BuildStatus.FAILURE, "build-not-allowed")
    assert "needs deploy" in view.because and not view.steps and "ran" not in shop.log(view.id)


def test_a_dir_may_be_a_link_and_is_seen_in_the_container(shop: Shop) -> None:
    (shop.folder / "releases" / "v1").mkdir(parents=True)
    (shop.folder / "releases" / "v1" / "word").write_text("inside\n")
    (shop.folder / "current").symlink_to("releases/v1")
    view = shop.run(
        spec(
            step("relative", "cat word", directory="/workspace/current"),
            step("make", "ln -s /etc /workspace/etc; echo made"),
            step("absolute", "pwd -P; cat passwd", directory="/workspace/etc"),
        )
    )
    log = shop.log(view.id)
    assert view.status is BuildStatus.SUCCESS, log
    assert "inside" in log and "ann:x:1000" in log and "daemon:" not in log  # its own /etc, not the host's


def test_what_steps_have_come_to_is_kept_when_the_next_one_can_not_begin(shop: Shop) -> None:
    steps = (step("first", "echo done; echo x >/workspace/file"), step("second", "true", directory="/workspace/file"))
    view = shop.run(spec(*steps))
    assert [(one.status, one.exit_code) for one in view.steps] == [
        (BuildStatus.SUCCESS, 0),
        (BuildStatus.FAILURE, None),
    ]
    assert "step 'second' failed: there is no folder file in the workspace" in view.because


@pytest.mark.parametrize("others", [1, 6])
def test_nothing_goes_on_of_a_build_whose_own_step_can_not_begin(others: int, shop: Shop) -> None:
    """The containers were started a moment before it: not even their supervisors have said yet that they run."""
    ghosts = [step(f"s{at}", "sleep 60; echo ghost", waits_for=()) for at in range(others)]
    bad = step("pub", image="", verb="publish", args=("nosuch/3",), waits_for=())
    (shop.folder / "stoneware.yaml").write_text("images: {}\n")
    view = shop.run(spec(*ghosts, bad), allowed=("bake",))
    assert view.status is BuildStatus.FAILURE and "nosuch/3" in view.because, view
    assert [one.status for one in view.steps] == [BuildStatus.CANCELLED] * others + [BuildStatus.FAILURE]
    assert {one.because for one in view.steps[:-1]} == {"cut short"}
    jobs = [shop.home.builds / view.id / "jobs" / f"{at}.lock" for at in range(others)]
    assert not any(is_locked(job) for job in jobs) and not shop.containers()
    assert "Step #" in shop.log(view.id) and "nosuch/3" in shop.log(view.id)


def test_a_step_of_our_own_that_can_not_begin_may_be_allowed_to_fail(shop: Shop) -> None:
    (shop.folder / "stoneware.yaml").write_text("imagines: {}\n")
    check = step("check", image="", verb="check", allow_failure=True)
    view = shop.run(spec(step("one", "true"), check, step("last", "echo came here")), allowed=("bake",))
    assert view.status is BuildStatus.SUCCESS, view
    assert [one.status for one in view.steps] == [BuildStatus.SUCCESS, BuildStatus.FAILURE, BuildStatus.SUCCESS]
    assert "stoneware.yaml:1" in view.steps[1].because
    assert 'Step #1 - "check": stoneware.yaml:1' in shop.log(view.id) and "came here" in shop.log(view.id)


def test_a_step_gets_what_is_just_within_the_limits(shop: Shop) -> None:
    """As long a variable as there may be, of letters that have several bytes, in one line and in several; and all together."""
    longest, lines = "L=" + "\u00fc" * 32_766 + "x", "M=\n" + "\u2603" * 21_844
    most = tuple(f"N{at}=" + "x" * 60_000 for at in range(20))
    script = """printf '%s' "$L" >l; printf '%s' "$M" >m; printf '%s' "$H" >h; printf '%s' "$R" >r; echo $# ${#N19}"""
    args, given = ("-c", script, *["x" * 1000] * 98), (longest, lines, "H=end\r", "R=\ra\rb", *most)
    assert max(len(one.encode()) for one in given) == LONGEST_ENV
    assert LARGEST_STEP - 100_000 < sum(len(one.encode()) for one in (*args, *given)) <= LARGEST_STEP
    copies = Artifacts(paths=("l", "m", "h", "r"))
    view = shop.run(spec(step("a", image=IMAGE, entrypoint="sh", args=args, environment=given), artifacts=copies))
    assert view.status is BuildStatus.SUCCESS, (view.because, shop.log(view.id)[-2000:])
    kept = {name: (Path(view.kept_in) / name).read_bytes().decode() for name in view.kept}
    assert kept == {"l": longest[2:], "m": lines[2:], "h": "end\r", "r": "\ra\rb"}
    assert "97 60000\n" in shop.log(view.id)


def test_a_log_has_what_a_terminal_would_overwrite(shop: Shop) -> None:
    script = r"printf 'ERROR: test 17 failed\rok\n'; printf 'dos\r\n'; printf 'no end\r'"
    log = shop.log(shop.run(spec(step("a", script))).id)
    assert [line.partition('"a": ')[2] for line in log.splitlines() if '"a": ' in line] == [
        "ERROR: test 17 failed",
        "ok",
        "dos",
        "no end",
    ]


def test_a_step_that_says_no_command_in_an_image_without_one(shop: Shop) -> None:
    view = shop.run(spec(step("idle", allow_failure=True), step("last", "echo came here")))
    assert view.status is BuildStatus.SUCCESS, view
    assert view.steps[0].because.startswith("it says no command, and neither does its image")


def test_a_build_that_ends_at_once_leaves_no_network_behind(shop: Shop) -> None:
    steps = [step(f"s{at}", "sleep 60", waits_for=()) for at in range(3)]
    bad = step("pub", image="", verb="publish", args=("nosuch/3",), waits_for=())
    (shop.folder / "stoneware.yaml").write_text("images: {}\n")
    view = shop.run(spec(*steps, bad), allowed=("bake", "network"))
    assert view.status is BuildStatus.FAILURE and not shop.containers()
    assert not list(Path("/sys/class/net").glob(f"sb{shop.podman.key[:8]}*"))
