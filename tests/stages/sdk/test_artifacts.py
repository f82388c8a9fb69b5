"""Bulk data through the gateway."""

import hashlib
import io

import pytest

BIG = bytes(range(256)) * 16 * 1024  # 4 MiB


def test_each_source_arrives_whole_and_comes_back(gateway, pod, tmp_path):
    (tmp_path / "in").write_bytes(BIG)

    def main(stage):
        stage.artifacts.put("bytes", BIG)
        stage.artifacts.put("path", tmp_path / "in")
        stream = io.BytesIO(b"skip" + BIG)
        stream.seek(4)
        stage.artifacts.put("stream", stream)
        stage.artifacts.put("iterable", (BIG[at : at + 100_000] for at in range(0, len(BIG), 100_000)))
        stage.artifacts.get("bytes", tmp_path / "out")
        with stage.artifacts.open("path") as read:
            assert read.read(256) == BIG[:256]

    assert pod.run(main) == 0
    assert {name for name, content in gateway.artifacts.items() if content == BIG} == {
        "bytes",
        "path",
        "stream",
        "iterable",
    }
    assert (tmp_path / "out").read_bytes() == BIG


def test_a_source_that_can_be_read_again_is_tried_again(gateway, pod):
    gateway.fail(2, 503, path="artifacts")
    assert pod.run(lambda stage: stage.artifacts.put("a", io.BytesIO(BIG))) == 0
    assert gateway.artifacts["a"] == BIG


@pytest.mark.parametrize(("status", "code", "reason"), [(503, 75, "GatewayAway"), (429, 76, "GatewayAway")])
def test_one_that_cannot_is_tried_once(gateway, pod, status, code, reason):
    gateway.fail(1, status, path="artifacts")
    assert pod.run(lambda stage: stage.artifacts.put("a", iter([b"x"]))) == code
    assert pod.termination["reason"] == reason


def test_a_missing_one_is_not_found(pod, tmp_path):
    def main(stage):
        with pytest.raises(FileNotFoundError):
            stage.artifacts.get("none", tmp_path / "out")
        with pytest.raises(FileNotFoundError), stage.artifacts.open("none"):
            pass

    assert pod.run(main) == 0
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "x" * 101, "é"])
def test_a_name_that_is_none_is_an_error_of_the_author(pod, name):
    def main(stage):
        with pytest.raises(ValueError, match="name"):
            stage.artifacts.put(name, b"")

    assert pod.run(main) == 0


def test_a_refusal_supersedes(gateway, pod):
    def main(stage):
        gateway.stale()
        stage.artifacts.put("a", b"x")

    assert pod.run(main) == 143


def test_a_list_is_taken_only_when_it_is_the_one_that_was_approved(gateway, pod, tmp_path):
    gateway.artifacts["list"] = BIG
    approved, other = hashlib.sha256(BIG).hexdigest(), hashlib.sha256(b"").hexdigest()

    def main(stage):
        stage.artifacts.get("list", tmp_path / "good", digest=f"sha256:{approved}")
        stage.artifacts.get("list", tmp_path / "bad", digest=f"sha256:{other}")

    assert pod.run(main) == 65
    assert (tmp_path / "good").read_bytes() == BIG
    assert {path.name for path in tmp_path.iterdir()} & {"bad", ".bad.part"} == set()
