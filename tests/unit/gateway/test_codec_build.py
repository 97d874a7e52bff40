"""The native transcoder is built where it can be, and never in the way where it cannot."""

import sys
from pathlib import Path

import pytest

from gateway.codec.native.build import build, find_compiler

_SLOWER = "the codec runs in Python, several times slower"


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_the_transcoder_is_built_once(tmp_path: Path) -> None:
    extension = tmp_path / "_transcoder.abi3.so"

    assert build(extension).startswith("_transcoder.abi3.so was built with ")
    assert build(extension) == "_transcoder.abi3.so is up to date."
    assert list(tmp_path.iterdir()) == [extension]


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_a_transcoder_built_of_other_files_is_built_again(tmp_path: Path) -> None:
    extension = tmp_path / "_transcoder.abi3.so"
    extension.write_bytes(b"older")

    assert build(extension).startswith("_transcoder.abi3.so was built with ")


def test_without_a_compiler_the_codec_runs_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)

    assert build(tmp_path / "_transcoder.abi3.so") == (
        f"There is no C compiler (CC, cc, gcc, clang or the package ziglang): {_SLOWER}."
    )


@pytest.mark.parametrize(
    ("compiler", "words"),
    [("false", "false cannot compile the transcoder"), ("/no/such/cc -m64", "/no/such/cc cannot be started")],
)
def test_a_compiler_that_does_not_work_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str, words: str
) -> None:
    monkeypatch.setenv("CC", compiler)

    outcome = build(tmp_path / "_transcoder.abi3.so")

    assert outcome.startswith(words)
    assert _SLOWER in outcome
    assert list(tmp_path.iterdir()) == []
