"""Every code that a failure can carry, with what it says in a line. `stoneware docs CODE` shows its page (`pages/CODE.md`).

A code is a promise: scripts and people look it up, so it keeps its name and its meaning. Which class of error has which one
when the raising line says nothing finer stands in `errors.py`.
"""

from __future__ import annotations

from pathlib import Path

PAGES = Path(__file__).parent / "pages"

CODES: dict[str, str] = {
    # what was asked for
    "bad-input": "what was asked for can't be read",
    "bad-request": "the request isn't as the API's document says",
    "not-found": "what was named doesn't exist",
    "image-not-found": "there is no such image",
    "family-empty": "the family has no image that it could resolve to",
    "machine-not-found": "there is no such machine",
    "disk-not-found": "there is no such disk or snapshot",
    "deployment-not-found": "there is no such deployment",
    "release-not-found": "there is no such release, or none to go back to",
    "operation-not-found": "there is no such operation",
    "environment-not-found": "there is no such environment",
    "promotion-not-found": "there is no such promotion",
    "secret-not-found": "there is no such secret",
    "build-not-found": "there is no such build",
    "trigger-not-found": "there is no such trigger",
    "name-ambiguous": "the name fits several things",
    "confirmation-missing": "there is nobody to ask, and --yes wasn't said",
    # stoneware.yaml
    "declaration-missing": "there is no stoneware.yaml",
    "declaration-unreadable": "stoneware.yaml, or a build file, can't be read as YAML",
    "declaration-invalid": "stoneware.yaml has problems",
    "key-unknown": "a key of stoneware.yaml, or of a build file, is unknown",
    "value-invalid": "a value in stoneware.yaml, or in a build file, is missing, or can't be used",
    "reference-invalid": "things in stoneware.yaml don't fit together",
    # build files
    "build-file-invalid": "a build file has problems",
    "build-key-refused": "a build file asks for what can't be had here",
    "substitution-invalid": "a substitution of a build is wrong, missing or unused",
    # its state doesn't allow this now
    "conflict": "its state doesn't allow this now",
    "operation-under-way": "another operation has it just now",
    "signal-refused": "the operation can't be told this now",
    "plan-outdated": "it is no longer what was agreed to",
    "name-taken": "something has this name already",
    "webhook-not-believed": "the message of a git host isn't signed as it should be",
    "webhook-replayed": "the message of a git host came already",
    "address-taken": "something else listens at this address",
    "gate-closed": "a gate of the environment doesn't let it pass",
    "role-missing": "only somebody with a certain role may do this",
    "refused": "it won't work as asked",
    "no-capacity": "the host has no room for what is declared",
    # images and recipes
    "image-revoked": "the image is revoked",
    "image-changed": "the catalog says something else of the image than was decided on record",
    "image-retired": "the state of the image forbids this",
    "image-in-use": "something still needs the image",
    "image-damaged": "files of the image aren't what was sealed",
    "image-form": "the image isn't delivered in the form that the engine starts",
    "image-not-here": "the files of the image aren't on this host",
    "image-untested": "the image has no boot test that passed",
    "transcript-changed": "the transcript of a session isn't the one that the ledger speaks of",
    "signature-invalid": "a signature is missing, wrong, or of nobody trusted",
    "archive-damaged": "what was to be imported isn't whole",
    "bake-failed": "the recipe can't become an image",
    "recipe-failed": "a step of the recipe failed",
    "recipe-refused": "the recipe of a commit asks for what such a one may not have",
    "base-unavailable": "the base of the recipe can't be had",
    "boot-test-failed": "the sealed image didn't pass its boot test",
    # builds
    "build-not-allowed": "a step needs what the build may not have",
    "build-failed": "a step of the build did not succeed",
    # machines, disks, rollouts
    "machine-not-up": "a machine didn't come up",
    "machine-sick": "a machine isn't healthy",
    "disk-in-use": "another machine has the disk",
    "disk-size-fixed": "a disk keeps its size",
    "data-unreadable": "the release can't use the data as it is",
    "analysis-failed": "the figures speak against the new version",
    "deadline-passed": "it took longer than it may",
    "aborted": "a person turned it back",
    "interrupted": "it was cut short",
    "stuck": "neither forward nor back works by itself",
    # the host and the daemon
    "disk-full": "there is no space left on a disk of the host",
    "misconfigured": "the host lacks something",
    "tool-missing": "a program that is needed isn't installed",
    "tool-failed": "a program that we ran failed",
    "record-damaged": "a record of ours isn't what we wrote",
    "key-unusable": "a key of the installation is missing or can't be used",
    "unreachable": "the other side doesn't answer",
    "daemon-unreachable": "no daemon answers",
    "store-unavailable": "the database can't be used now",
    "failed": "it failed",
    "unforeseen": "something that nobody has thought of",
}


def page_of(code: str) -> str:
    """The page of a known code: its line as a heading, then why it happens and what to do."""
    return f"{code}: {CODES[code]}\n\n{(PAGES / f'{code}.md').read_text()}"
