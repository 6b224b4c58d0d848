"""What the guide to builds says is what the reader does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.cloudbuild import USUAL

from stoneware.decide.build.graph import MOST_AT_ONCE
from stoneware.host.log_file import LIMIT_BYTES
from stoneware.operations.log_prune import KEPT, KEPT_BYTES
from stoneware.spec.cloudbuild import check, expand, own_build, read_cloudbuild
from stoneware.spec.cloudbuild import check_substitutions as substitutions
from stoneware.spec.cloudbuild.bash_operations import OPERATIONS
from stoneware.spec.cloudbuild.builtins import BUILT_IN
from stoneware.spec.cloudbuild.substitute import MOST_CHARACTERS
from stoneware.spec.cloudbuild.verbs import NOT_THEIRS, WORDS
from stoneware.spec.cloudbuild.waits import LONGEST_ID
from stoneware.spec.load import parse
from stoneware.spec.yaml_lines import DEEPEST, MOST_PROBLEMS, MOST_VALUES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "builds.md").read_text()
DECLARED = """
images: { hello: {} }
deployments: { hello: { engine: fake, groups: { web: { image: hello, health: { tcp: { port: 80 } } } } } }
"""


def examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_are_good(tmp_path: Path) -> None:
    own, cloud = examples()
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    spec = own_build(parse(DECLARED + own, "stoneware.yaml", tmp_path).document)
    assert [step.id for step in spec.steps] == ["check", "test 1", "test 2", "bake hello", "deploy hello"]
    spec = expand(read_cloudbuild(cloud, "cloudbuild.yaml"), USUAL, {}, build_id="b-1")
    assert [step.waits_for for step in spec.steps] == [(), (), (0, 1), (0, 1, 2)]
    assert spec.warnings == ()


def test_keys_and_operators_are_all_there() -> None:
    lists = [part.replace("`", "").split() for part in PAGE.split("\n\n") if re.fullmatch(r"(`\S+`\s)*`\S+`", part)]
    assert lists == [list(BUILT_IN), list(OPERATIONS)]


def test_our_own_steps_and_their_words() -> None:
    rows = re.findall(r"^\| `stoneware/(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == {verb: says for verb, (_, _, says) in WORDS.items()}
    for field in NOT_THEIRS:
        assert f"`{field}`" in PAGE or field == "allow_exit_codes"


def test_the_limits() -> None:
    section = PAGE.partition("### Limits\n")[2].partition("\n#")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE))
    assert rows == {
        "what": "at most",
        "the file": f"1 MiB, and {MOST_VALUES} keys, groups, lists and values, with what aliases and merges stand for; "
        f"{DEEPEST} levels",
        "problems that are said at once": f"{MOST_PROBLEMS}; the file isn't read on then",
        "steps": f"{check.MOST_STEPS}, of which {MOST_AT_ONCE} run at once; more wait for room",
        "an id": f"one line of {LONGEST_ID} characters",
        "arguments of a step": f"{check.MOST_ARGS}, each {check.LONGEST_ARG} characters",
        "variables of a step": f"{check.MOST_ENV}, each {check.LONGEST_ENV} bytes",
        "arguments and variables of a step together": f"{check.LARGEST_STEP} bytes",
        "images": f"{check.MOST_IMAGES}",
        "tags": f"{check.MOST_TAGS}",
        "paths of artifacts": f"{check.MOST_PATHS}",
        "substitutions": f"{substitutions.MOST}, keys {substitutions.LONGEST_KEY} bytes, "
        f"values {substitutions.LONGEST_VALUE} bytes",
        "all fields together, when everything in them is replaced": f"{MOST_CHARACTERS} characters",
        "what a step prints": f"{LIMIT_BYTES // 2**20} MiB are kept; the rest is printed to nobody",
        "the log of a bake or another operation": f"{LIMIT_BYTES // 2**20} MiB are kept, and it says that there was more; "
        f"the newest {KEPT}, of {KEPT_BYTES // 2**30} GiB together",
        "time of a build": f"{check.LONGEST_BUILD_S / 3600:.0f}h (1h if it says nothing, and 1h in the queue)",
    }
