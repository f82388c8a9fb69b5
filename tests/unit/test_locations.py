"""From paths as users write them to the endpoints that are mounted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.api.stage import StageLocation
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.templates import LocationField
from asynctask.core.locations import resolve
from asynctask.core.problems import Problem


def share(name: str, path: str, *, read_only: bool = False) -> StorageEndpoint:
    spec = {"path": path, "volume": {"claimName": name}, "readOnly": read_only}
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": spec})


def remote(name: str, path: str | None = None) -> StorageEndpoint:
    spec = {"remote": {"type": "S3", "url": "https://s3.example.com"}, "path": path}
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": spec})


KNOWN = {
    e.metadata.name: e
    for e in (
        share("photos", "/nas/photos"),
        share("raw", "/nas/photos/raw", read_only=True),
        share("twin", "/nas/photos/raw2"),
        share("a-same", "/nas/same"),
        share("b-same", "/nas/same"),
        remote("cloud"),
        remote("named", "/nas/remote"),
    )
}


def locate(value: object, access: str = "Read") -> str:
    field = LocationField.model_validate({"field": "source", "access": access})
    found = resolve([field], {"source": value}, KNOWN)
    return f"{found.reason} {found.path}" if isinstance(found, Problem) else ",".join(item.endpoint for item in found)


@pytest.mark.parametrize(("value", "endpoint"), {
    "/nas/photos": "photos",
    "/nas/photos/": "photos",
    "/nas/photos/2024": "photos",
    "//nas//photos/./2024": "photos",
    "/nas/photos/raw": "raw",
    "/nas/photos/raw/x": "raw",
    "/nas/photos/rawest": "photos",
    "/nas/photos/raw2": "twin",
    "/nas/photos/a..b": "photos",
    "/nas/photos/...": "photos",
    "/nas/photos/with space/日本 $(HOME)": "photos",
    "cloud:": "cloud",
    "cloud:bucket/key": "cloud",
    "cloud:a:b": "cloud",
}.items(), ids=str)  # fmt: skip
def test_a_location_is_found_by_its_longest_prefix(value: str, endpoint: str) -> None:
    assert locate(value) == endpoint


@pytest.mark.parametrize(("value", "reason"), {
    "/nas/photos/../secrets": "InvalidLocation",
    "/nas/photos/..": "InvalidLocation",
    "/..": "InvalidLocation",
    "cloud:../other": "InvalidLocation",
    "cloud:..": "InvalidLocation",
    "cloud:a/../b": "InvalidLocation",
    "/nas": "EndpointNotFound",
    "/nas/photosx": "EndpointNotFound",
    "/": "EndpointNotFound",
    "/etc/passwd": "EndpointNotFound",
    "/nas/remote/x": "EndpointNotFound",
    "photos:x": "EndpointNotFound",
    "nowhere:x": "EndpointNotFound",
    "photos": "InvalidLocation",
    "": "InvalidLocation",
    "/nas/photos/\0": "InvalidLocation",
    "/nas/photos/" + "x" * 5000: "InvalidLocation",
}.items(), ids=lambda value: value[:30])  # fmt: skip
def test_a_location_is_refused(value: str, reason: str) -> None:
    assert locate(value) == f"{reason} spec.config.source"


@pytest.mark.parametrize("value", [5, True, {"a": 1}, [["/nas/photos"]], [None], 1.5])
def test_a_location_is_a_text(value: object) -> None:
    assert locate(value).startswith("InvalidLocation")


def test_a_list_of_locations_names_the_one_at_fault() -> None:
    assert locate(["/nas/photos", "cloud:x"]) == "photos,cloud"
    assert locate(["/nas/photos", "/etc"]) == "EndpointNotFound spec.config.source[1]"


def test_an_absent_field_names_none() -> None:
    assert resolve([LocationField(field="other")], {}, KNOWN) == ()
    assert locate(None) == ""


def test_a_read_only_endpoint_refuses_writers() -> None:
    assert locate("/nas/photos/raw/x", "Read") == "raw"
    assert locate("/nas/photos/raw/x", "Write") == "InvalidLocation spec.config.source"
    assert locate("/nas/photos/x", "Write") == "photos"


def test_the_path_stays_as_it_was_written() -> None:
    found = resolve([LocationField(field="source")], {"source": "/nas/photos//x/"}, KNOWN)
    assert found == (StageLocation(field="source", endpoint="photos", path="/nas/photos//x/"),)


def test_a_missing_endpoint_says_which_there_are() -> None:
    problem = resolve([LocationField(field="source")], {"source": "/etc"}, KNOWN)
    assert isinstance(problem, Problem)
    assert "/nas/photos/raw" in problem.message
    nothing = resolve([LocationField(field="source")], {"source": "/etc"}, {})
    assert isinstance(nothing, Problem)
    assert "none yet" in nothing.message


@given(st.text(alphabet="/.:ab\0 nsphotcluaw", max_size=40))
def test_whatever_is_written_never_leaves_its_endpoint(text: str) -> None:
    found = resolve([LocationField(field="source")], {"source": text}, KNOWN)
    if isinstance(found, Problem):
        return
    (location,) = found
    if text.startswith("/"):
        parts: list[str] = []
        for part in text.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in {"", "."}:
                parts.append(part)
        root = KNOWN[location.endpoint].spec.path or ""
        assert ("/" + "/".join(parts) + "/").startswith(root + "/")
    else:
        assert ".." not in text.split(":", 1)[1].split("/")


def at(path: str) -> str:
    """What is said of a file in a share that users know by this path."""
    field = LocationField(field="source")
    found = resolve([field], {"source": f"{path}/x"}, {"odd": share("odd", path)})
    return str(found) if isinstance(found, Problem) else ""


@pytest.mark.parametrize("path", [
    "/tmp", "/asynctask", "/asynctask/workspace", "/var/run/secrets/asynctask", "/var/run/secrets/asynctask-endpoints",
    "/var/run", "/var", "/usr", "/etc", "/proc", "/proc/1", "/sys/fs", "/dev/shm",
])  # fmt: skip
def test_an_endpoint_where_no_pod_can_have_it_is_refused(path: str) -> None:
    assert at(path).startswith(f"spec.config.source: storage endpoint odd can't be at {path}: ")
    assert "give it another spec.path" in at(path)


@pytest.mark.parametrize("path", ["/nas", "/tmp/share", "/temp", "/usr/share", "/var/backups", "/asynctask-data", "/d"])
def test_an_endpoint_elsewhere_is_not(path: str) -> None:
    assert at(path) == ""


def test_two_endpoints_at_one_path_are_refused_by_those_who_mean_one_of_them() -> None:
    assert locate("/nas/same/x") == "InvalidLocation spec.config.source"
    assert locate("/nas/photos") == "photos"
    twins = {"b": share("b", "/nas/same"), "a": share("a", "/nas/same")}
    found = resolve([LocationField(field="source")], {"source": "/nas/same"}, twins)
    assert "storage endpoints a, b have the same spec.path, /nas/same" in str(found)
