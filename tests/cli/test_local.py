"""Commands that need no daemon: init, check, schema, completion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from tests.cli.conftest import Stoneware

from stoneware.cli import options

EXAMPLE = Path(__file__).parents[2] / "examples" / "critter-junction"


def test_what_init_writes_passes_check(stoneware: Stoneware) -> None:
    assert stoneware("init").code == 0
    done = stoneware("check")
    assert (done.code, done.out) == (0, "stoneware.yaml is good: 1 image, 1 deployment\n")


def test_init_makes_the_folder_and_says_what_comes_next(stoneware: Stoneware) -> None:
    done = stoneware("init", "shop/new")
    assert done.out.splitlines()[:2] == ["wrote shop/new/stoneware.yaml", "wrote shop/new/Containerfile"]
    assert "stoneware bake" in done.out
    assert stoneware("check", "-f", "shop/new").code == 0
    assert stoneware("check", "--file", "shop/new/stoneware.yaml").code == 0


def test_init_takes_nothings_place(stoneware: Stoneware) -> None:
    stoneware("init")
    Path("stoneware.yaml").write_text("mine")
    done = stoneware("init")
    assert (done.code, Path("stoneware.yaml").read_text()) == (1, "mine")
    assert "stoneware.yaml, Containerfile exists already" in done.err


def test_check_says_problems_and_leaves_everything(stoneware: Stoneware) -> None:
    Path("stoneware.yaml").write_text("imags: {}\n")
    done = stoneware("check")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "stoneware.yaml:1 imags: unknown key 'imags', did you mean 'images'?",
        "stoneware: stoneware.yaml has 1 problem; nothing was changed",
        "  code: declaration-invalid (`stoneware docs declaration-invalid`)",
    ]
    assert [path.name for path in Path().iterdir()] == ["stoneware.yaml"]


def test_check_without_a_file_says_what_to_do(stoneware: Stoneware) -> None:
    done = stoneware("check")
    assert done.code == 2
    assert "there is no stoneware.yaml" in done.err
    assert "next: `stoneware init`" in done.err


def test_check_explains_every_default_in_a_form_that_passes_check(stoneware: Stoneware) -> None:
    done = stoneware("check", "--explain", "-f", str(EXAMPLE))
    assert "# default" in done.out
    (Path() / "Containerfile").touch()
    Path("stoneware.yaml").write_text(done.out)
    again = stoneware("check", "--explain")
    assert (again.code, again.out) == (0, done.out.replace("  # default", ""))


def test_check_as_json_is_the_document(stoneware: Stoneware) -> None:
    document = json.loads(stoneware("check", "--json", "-f", str(EXAMPLE)).out)
    group = document["deployments"]["critter-junction"]["groups"]["web"]
    assert (group["size"], group["machine"]["memory"], group["health"]["timeout"]) == (2, "256MiB", "5s")


def test_the_schema_accepts_the_example_and_refuses_a_slip(stoneware: Stoneware) -> None:
    schema = Draft202012Validator(json.loads(stoneware("schema").out))
    document = YAML(typ="safe").load((EXAMPLE / "stoneware.yaml").read_text())
    assert schema.is_valid(document)
    document["deployments"]["critter-junction"]["groups"]["web"]["sise"] = 3
    assert not schema.is_valid(document)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str, stoneware: Stoneware) -> None:
    done = stoneware("completion", shell)
    assert done.code == 0
    assert f"_STONEWARE_COMPLETE={shell}_complete" in done.out


def test_completion_knows_which_shell_is_mine(stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "fish_complete" in stoneware("completion").out
    monkeypatch.setenv("SHELL", "/bin/sh")
    assert stoneware("completion").code == 2


def test_names_complete_to_nothing_while_no_daemon_answers(
    stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_STONEWARE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "stoneware image show ")
    monkeypatch.setenv("COMP_CWORD", "3")
    done = stoneware()
    assert (done.code, done.out.strip(), done.err) == (0, "", "")
    monkeypatch.setenv("COMP_WORDS", "stoneware pla")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert stoneware().out.splitlines() == ["plain,plan"]


def test_what_is_on_the_line_says_what_completes_the_next(
    stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases are those of the deployment before them; and a subject is anything with a name."""
    known = {
        "/v1/deployments": [{"name": "town"}],
        "/v1/machines": [{"name": "town-web-r3-0"}],
        "/v1/images": [],
        "/v1/operations": [{"id": "rollout-7"}],
        "/v1/deployments/town/releases": [{"number": 3}, {"number": 12}],
    }

    class Daemon:
        def get(self, path: str, **_: object) -> list[dict[str, object]]:
            return known[path]

    monkeypatch.setattr(options, "client", Daemon)
    monkeypatch.setenv("_STONEWARE_COMPLETE", "bash_complete")
    for words, found in (
        ("release diff town ", ["3", "12"]),
        ("release diff town 3 1", ["12"]),
        ("release show town ", ["3", "12"]),
        ("ledger show --subject to", ["town", "town-web-r3-0"]),
        ("explain r", ["rollout-7"]),
    ):
        *before, _ = f"stoneware {words}".split(" ")
        monkeypatch.setenv("COMP_WORDS", f"stoneware {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(before)))
        assert stoneware().out.split() == [f"plain,{one}" for one in found], words
