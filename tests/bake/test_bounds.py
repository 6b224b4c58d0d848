"""What a commit's recipe may not ask for, in every spelling that a build would understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.bake.bounds import require_within_bounds
from stoneware.bake.recipe import RecipeFiles
from stoneware.errors import BakeFailed


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "plain" / "deep").mkdir(parents=True)
    (folder / "host").symlink_to("/")
    (folder / "plain" / "link").symlink_to("deep")
    return folder


def bounded(context: Path, text: str) -> str:
    (context / "Containerfile").write_bytes(text.encode(errors="surrogateescape"))
    return require_within_bounds(RecipeFiles(context / "Containerfile", context))


def refused(context: Path, text: str) -> BakeFailed:
    with pytest.raises(BakeFailed) as failed:
        bounded(context, text)
    assert failed.value.code == "recipe-refused"
    assert failed.value.next_step
    return failed.value


HOST = "type=bind,source=host,target=/m"


@pytest.mark.parametrize(
    "line",
    [
        f"RUN --mount={HOST},rw true",
        f"RUN --mount={HOST} true",
        f'RUN --mount={HOST} ["true"]',
        f"run --mount={HOST} true",
        f"  Run\t--mount={HOST} true",
        f"RUN --network=none --mount={HOST} true",
        f"RUN \\\n  --mount={HOST} true",
        f"RUN \\\n\n  # why\n--mount={HOST} true",
        f"RUN --mou\\\nnt={HOST} true",
        f"R\\\nUN --mount={HOST} true",
        f"\\\nRUN --mount={HOST} true",
        f"RUN \\ \t\n --mount={HOST} true",
        f'RUN --mount="{HOST}" true',
        f"RUN --mount='{HOST}' true",
        f'RUN --"mount={HOST}" true',
        f"RUN --m\\ount={HOST} true",
        "RUN --mount=type=bind,src=host,dst=/m true",
        "RUN --mount=type=bind,source=/host,destination=/m true",
        "RUN --mount=type=bind,source=./plain/../host,target=/m true",
        "RUN --mount=type=bind,source=../..,target=/m true",
        "RUN --mount=type=bind,source=plain/link,target=/m true",
        "RUN --mount=type=bind,source=host/etc,target=/m true",
        "RUN --mount=type=bind,source=nothing,target=/m true",
        "RUN --mount=source=host,target=/m true",
        "RUN --mount=target=/m true",
        "RUN --mount=type=cache,target=/c --mount=target=/c/link true",
        "RUN --mount=type=cache,target=/c --mount=target=/m,type=bind,source=plain true",
        'VOLUME ["/a,lowerdir=/etc"]',
        "VOLUME /b /a:/etc",
        "VOLUME $X",
        "RUN --mount=type=bind,source=plain,source=host,target=/m true",
        "RUN --mount=type=bind,source=plain,src=host,target=/m,type=bind true",
        "RUN --mount=type=bind,source=$X,target=/m true",
        "RUN --mount=type=bind,source=${X:-host},target=/m true",
        "RUN --mount=$X true",
        "RUN --mount=type=bind,source=plain,target=/m,rw true",
        "RUN --mount=type=bind,source=plain,target=/m,readwrite=true true",
        "RUN --mount=type=bind,source=plain,target=/m,ro=false true",
        "RUN --mount=type=bind,source=plain,target=/m,bind-propagation=rshared true",
        "RUN --mount=type=bind,source=plain,target=/m,U true",
        "RUN --mount=type=bind,source=plain,target=/../../m true",
        "RUN --mount=type=bind,from=first,source=/evil,target=/m true",
        "RUN --mount=type=bind,from=2ab,target=/m true",
        "RUN --mount=from=first,target=/m true",
        "RUN --mount=type=cache,target=/c,id=../../../.. true",
        "RUN --mount=type=cache,target=/c,id=. true",
        "RUN --mount=type=cache,target=/c,id=a/b true",
        "RUN --mount=type=cache,target=/c,id= true",
        "RUN --mount=type=cache,target=/c,from=first true",
        "RUN --mount=type=cache,target=/c,source=../.. true",
        "RUN --mount=type=cache,target=/c,sharing=locked true",
        "RUN --mount=type=cache,target=/ true",
        "RUN --mount=type=cache,target=//c/.. true",
        "RUN --mount=type=cache,target=c true",
        "RUN --mount=type=cache,id=c true",
        "RUN --mount=type=cache,target=/c true\nRUN --mount=type=cache,target=/c/link true",
        "RUN --mount=type=cache,target=/c/d/link --mount=type=cache,target=/c/d/ true",
        "RUN --mount=type=cache,target=/x,id=c true\nRUN --mount=type=cache,dst=/c/link true",
        "RUN --mount=type=secret,id=x,target=/c true",
        "RUN --mount=type=ssh true",
        "RUN --mount=type=Bind,source=plain,target=/c true",
        "RUN --mount=type=devpts,target=/c true",
        "RUN --mount=type=tmpfs,target=/c,source=/ true",
        "RUN --mount true",
        "RUN --mount= true",
        "RUN --network=host true",
        "RUN --security=insecure true",
        "ONBUILD RUN true",
        f"onbuild run --mount={HOST} true",
        f"RUN <<EOF\nRUN --mount={HOST} true\nEOF",
        "RUN <<EOF\nFROM scratch",
        "RUN x <<'E\\'\nE\\\nRUN true",
        f"RUN true\x0b\nRUN\x0b--mount={HOST} true",
        f"RUN \udca0--mount={HOST} true",
        f"RUN --network=none \udc85--mount={HOST} true",
        f"ONBU\u0130LD RUN --mount={HOST} true",
        f"onbu\u0131ld RUN --mount={HOST} true",
        f"\u00a0RUN --mount={HOST} true",
        f"RUN true\rRUN --mount={HOST} true",
        f"RUN --x=\u00e0--mount={HOST} true",
    ],
)
def test_no_step_mounts_what_lies_elsewhere(context: Path, line: str) -> None:
    wrong = refused(context, f"FROM scratch AS first\nFROM scratch\n{line}\n")
    assert "Containerfile, line " in wrong.step


@pytest.mark.parametrize("first", ["# escape=`", "#  Escape = `", "# syntax=x\n# escape=`", "\ufeff# escape=`"])
def test_no_other_escape_character_hides_an_instruction(context: Path, first: str) -> None:
    refused(context, f"{first}\nFROM scratch\nRUN true `\n")


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=bind,source=plain/deep,target=/m true",
        "RUN --mount=type=bind,src=./plain,dst=/m,ro true",
        "RUN --mount=type=bind,target=/m true",
        "RUN --mount=type=cache,target=/var/cache/apt --mount=type=tmpfs,target=/tmp,size=64m true",
        "RUN --mount=type=cache,target=/c,id=pip-3.12,sharing=shared,uid=0,mode=0755 true",
        "RUN --mount=type=cache,target=/c/a true\nRUN --mount=type=cache,target=/c/ab --mount=type=cache,dst=/c/a true",
        "RUN --network=none echo --mount=type=ssh '--mount=$X'",
        'RUN ["echo", "--mount=type=ssh"]',
        "RUN curl http://example.org | sort \\\n  && echo 'FROM 2ab'",
        "RUN cat <<<x",
        "RUN -- --mount=type=ssh",
        "# escape=\\\nRUN true",
        "COPY host /h",
        "COPY $X /h",
        "COPY --from=first /a /b",
        "COPY --from=FIRST /a /b",
        "COPY --from=0 --chown=1:2 /a /b",
        "COPY --from=web/1 /a /b",
        "COPY --from=registry.example.org:5000/a/b:1 /a /b",
        "ADD plain /x",
        "ADD --chown=1:2 plain/a.tar.gz /x",
        'ADD ["plain", "/x"]',
        "ENV A=http://x $B\nLABEL a:b=c",
        'VOLUME ["/data", "/var/lib/x"]',
        "VOLUME /data /var/lib/x",
        "HEALTHCHECK --interval=1s CMD echo '$X'",
    ],
)
def test_what_can_be_told_beforehand_is_let_through(context: Path, line: str) -> None:
    text = f"FROM scratch AS first\nFROM scratch\n{line}\n"
    assert bounded(context, text) == text
    assert bounded(context, text.replace("\n", "\r\n")) == text.replace("\n", "\r\n")


IDS = ("2ab", "2AB", "0", "7", "deadbeef", "f" * 64, "sha256:2ab", f"sha256:{'f' * 64}", "a")
ELSEWHERE = (
    "oci:/etc",
    "oci:5000/x",
    "dir:x",
    "docker-archive:x.tar",
    "docker://a.example/x",
    "containers-storage:x",
    "/etc",
)
HIDDEN = (
    "localhost/stoneware/kept:0123456789ab",
    "stoneware/kept:0123456789ab",
    "localhost/other",
    "web/1:old",
    "web/1@sha256:" + "f" * 64,
)
UNKNOWN = ("$X", "${X:-2ab}$Y", "web//1", '"web/1"', "Web/1", "+0")


@pytest.mark.parametrize("name", [*IDS, *ELSEWHERE, *HIDDEN, *UNKNOWN])
def test_no_image_is_named_that_is_not_published(context: Path, name: str) -> None:
    refused(context, f"FROM {name}\n")
    refused(context, f"FROM scratch\nCOPY --from={name} / /\n")
    refused(context, f"FROM scratch\nADD --from={name} / /\n")
    refused(context, f"FROM scratch AS {name.upper()}x\nFROM {name}\n")


@pytest.mark.parametrize(
    "name",
    [
        "stoneware/debian:12",
        "localhost/stoneware/debian:12",
        "web/1",
        "localhost/web/1",
        "web/1:latest",
        "debian:12",
        "cafe:1",
        "docker.io/library/debian",
        "localhost:5000/x",
        f"ghcr.io/a/b@sha256:{'f' * 64}",
        "ghcr.io/2ab",
    ],
)
def test_published_images_are_named(context: Path, name: str) -> None:
    text = f"FROM {name} AS one\nFROM --platform=linux/amd64 one\nCOPY --from={name} / /\n"
    assert bounded(context, text) == text


def test_a_stage_may_be_called_as_an_id_begins(context: Path) -> None:
    text = "FROM scratch AS cafe\nFROM cafe\nCOPY --from=cafe /a /a\nCOPY --from=0 /b /b\n"
    assert bounded(context, text) == text
    for line in ("COPY --from=CAFE /a /a", "COPY --from=2 /a /a", "COPY --from=add /a /a\nFROM scratch AS add"):
        refused(context, f"FROM scratch AS cafe\nFROM cafe\n{line}\n")
    for stage in ("1", "2ab", "a/b", "$X"):
        refused(context, f"FROM scratch AS {stage}\n")


def test_a_stage_is_none_for_itself(context: Path) -> None:
    refused(context, "FROM scratch AS cafe\nCOPY --from=cafe /a /a\n")
    refused(context, "FROM cafe AS cafe\n")
    refused(context, "FROM scratch\nCOPY --from=0 /a /a\n")


def test_the_build_gets_names_without_variables(context: Path) -> None:
    given = "ARG A=web\nARG B=${A}/1\nFROM --platform=$BUILDPLATFORM \\\n  $B AS one\nRUN a\nFROM $B\n"
    made = "ARG A=web\nARG B=${A}/1\nFROM --platform=$BUILDPLATFORM web/1 AS one\n\nRUN a\nFROM web/1\n"
    assert bounded(context, given) == made
    refused(context, "ARG A=2ab\nFROM $A\n")
    refused(context, "ARG A\nFROM $A\n")
    refused(context, "ARG A=\\\n2ab\nFROM ${A}\n")
    refused(context, "FROM scratch\nARG A=web/1\nFROM $A\n")  # buildah doesn't know it there


@pytest.mark.parametrize(
    "line",
    [
        "ADD http://127.0.0.1/x /x",
        "add https://127.0.0.1/x /x",
        "ADD --chown=1:2 --checksum=sha256:00 http://127.0.0.1/x /x",
        'ADD ["http://127.0.0.1/x", "/x"]',
        'ADD ["http\\u003a//127.0.0.1/x", "/x"]',
        'ADD ["plain", "\\u0067ithub.com/a/b", "/x"]',
        "ADD plain http://127.0.0.1/x /x",
        "ADD ht\\\ntp://127.0.0.1/x /x",
        'ADD "http"://127.0.0.1/x /x',
        "ADD $X /x",
        "ADD ${X:-http}x /x",
        "ADD git@example.org:a/b /x",
        "ADD plain github.com/a/b /x",
        'ADD git"hub".com/a/b /x',
        "ADD ftp://127.0.0.1/x /x",
        "ADD\t--link http://127.0.0.1/x /x",
    ],
)
def test_nothing_is_fetched_by_the_host(context: Path, line: str) -> None:
    assert refused(context, f"FROM scratch\n{line}\n").step.startswith("Containerfile, line 2")


@pytest.mark.parametrize(
    "name", [".dockerignore", ".containerignore", "Containerfile.dockerignore", "Containerfile.containerignore"]
)
def test_what_is_left_out_is_read_through_no_link(context: Path, name: str) -> None:
    (context / name).symlink_to("/etc/passwd")
    assert name in refused(context, "FROM scratch\n").message


def test_bytes_that_are_no_text_are_kept(context: Path) -> None:
    text = "FROM scratch\nRUN echo \udcff\n"
    assert bounded(context, text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("FROM scratch\nRUN " + "--network=none " * 65 + "true\n", "64 options"),
        ("FROM scratch\nENV A=aaaaaaaaaaaaaaaa\n" + "ENV A=$A$A\n" * 40, "32768 letters"),
        ("FROM scratch\nARG a=aaaaaaaaaaaaaaaa\n" + "ARG a=${a}${a}\n" * 40, "32768 letters"),
        ("ARG a=aaaaaaaaaaaaaaaa\n" + "ARG a=${a:-x}$a\n" * 40 + "FROM $a\n", "32768 letters"),
        ("FROM scratch\nENV ä b\n" + 'ENV ä="$ä$ä" b=$ä\n' * 40, "32768 letters"),
        ("FROM scratch\nENV A=" + "a" * 20_000 + "\nLABEL b=$A$A\n", "32768 letters"),
        ("FROM scratch\nENV A=" + "a" * 2000 + "\nLABEL b=${A//a/" + "b" * 100 + "}\n", "32768 letters"),
        ("FROM scratch\nLABEL " + "a=$PATH " * 40 + "\n", "32768 letters"),
        (
            "FROM scratch\n" + "".join(f"RUN --mount=type=cache,target=/c,id=c{n} true\n" for n in range(202)),
            "200 caches",
        ),
    ],
    ids=[
        "options",
        "env",
        "arg",
        "arg before",
        "letters",
        "label",
        "replaced",
        "of the base",
        "caches",
    ],
)
def test_what_would_take_all_of_the_host_s_memory_or_time(context: Path, text: str, why: str) -> None:
    assert why in refused(context, text).message


def test_what_is_written_out_may_be_long_and_so_may_a_path_grow(context: Path) -> None:
    for text in (
        "FROM scratch\nLABEL a=" + "b" * 30_000 + "\n",
        "FROM scratch\n" + "ENV PATH=$PATH:/opt/bin A=$A:/x B=${B:-y}\n" * 100,
        "FROM scratch\nRUN " + "echo $A; " * 50_000 + "\n",
        "FROM scratch\nRUN true" + " \\\n  && true" * 80_000 + "\n",
    ):
        assert bounded(context, text) == text
