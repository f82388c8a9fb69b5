"""Patterns mean what git takes them for: git itself is asked."""

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asynctask_stage.data.patterns import Rules
from asynctask_stage.errors import PermanentError


@pytest.mark.parametrize(
    ("pattern", "path", "is_directory", "expected"),
    [
        ("*.tmp", "a.tmp", False, True),
        ("*.tmp", "deep/er/a.tmp", False, True),
        ("*.tmp", "a.tmp/b", False, False),
        ("/*.tmp", "deep/a.tmp", False, False),
        ("cache/", "cache", True, True),
        ("cache/", "cache", False, False),
        ("cache/", "x/cache", True, True),
        ("a/b", "x/a/b", False, False),
        ("a/*/c", "a/b/c", False, True),
        ("a/*/c", "a/b/b/c", False, False),
        ("a/**/c", "a/c", False, True),
        ("a/**/c", "a/b/b/c", False, True),
        ("**/c", "c", False, True),
        ("a/**", "a", True, False),
        ("a/**", "a/b", True, True),
        ("?", "名", False, True),
        ("?", "\udcff", False, True),
        ("[!a]", "b", False, True),
        ("[!a]", "a", False, False),
        ("[a-c]x", "bx", False, True),
        ("[]]", "]", False, True),
        (r"\*", "*", False, True),
        (r"\*", "x", False, False),
        ("a.b", "axb", False, False),
        ("x\ny", "x\ny", False, True),
    ],
)
def test_a_pattern_matches(pattern, path, is_directory, expected):
    assert Rules(exclude=[pattern]).excludes(path, is_directory=is_directory) is expected
    assert Rules(include=[pattern]).includes(path, is_directory=is_directory) is expected


@pytest.mark.parametrize("pattern", ["", "/", "a//b", "../a", "a/./b", "[a", "[z-", "a\\", "\0", "x" * 1025])
def test_nonsense_is_refused_by_name(pattern):
    with pytest.raises(PermanentError) as caught:
        Rules(exclude=[pattern])
    assert caught.value.reason == "InvalidPattern"


def test_too_many_patterns_are_refused():
    with pytest.raises(PermanentError):
        Rules(include=["a"] * 1001)


names = st.text("ab.]", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
parts = st.text("ab*?.", min_size=1, max_size=4).filter(lambda part: part.strip(".") != "")
patterns = st.builds(
    lambda anchor, middle, end: anchor + "/".join(middle) + end,
    st.sampled_from(["", "/", "**/"]),
    st.lists(st.one_of(parts, st.just("**")), min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """An empty git repository."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    path = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    return path


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=patterns, path=st.lists(names, min_size=1, max_size=3))
def test_git_agrees(repository, pattern, path):
    (repository / ".gitignore").write_text(pattern + "\n")
    text = "/".join(path)
    asked = subprocess.run(
        ["git", "-C", str(repository), "check-ignore", "--no-index", "-q", "--stdin"],
        input=f"{text}\n",
        text=True,
        check=False,
    )
    rules = Rules(exclude=[pattern])
    above = ["/".join(path[:i]) for i in range(1, len(path))]
    excluded = rules.excludes(text, is_directory=False) or any(
        rules.excludes(directory, is_directory=True) for directory in above
    )
    assert excluded is (asked.returncode == 0)
