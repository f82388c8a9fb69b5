"""The guides keep up with the product: links, reasons, manifests."""

import re
from pathlib import Path

import pytest
import yaml
from support.pages import shell_blocks

from asynctask.api.kinds import KINDS
from asynctask.api.reasons import Reason

PROJECT = Path(__file__).parents[2]
GUIDES = [
    PROJECT / "README.md",
    PROJECT / "CHANGELOG.md",
    *(
        PROJECT / "docs" / name
        for name in (
            "README.md",
            "tutorial.md",
            "tutorial-api.md",
            "tutorial-api.zh.md",
            "troubleshooting.md",
            "stage-protocol.md",
        )
    ),
    *(PROJECT / "docs" / "how-to").glob("*.md"),
    *(PROJECT / "docs" / "runbooks").glob("*.md"),
]
NEVER_A_QUESTION = {Reason.VALID, Reason.ADMITTED, Reason.RUNNING, Reason.NOT_PAUSED}


def blocks(guide: Path) -> list[str]:
    text = guide.read_text()
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) + re.findall(r"<<'YAML'\n(.*?)\nYAML", text, re.DOTALL)


@pytest.mark.parametrize("reason", sorted(set(Reason) - NEVER_A_QUESTION))
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"`{reason}`" in (PROJECT / "docs" / "troubleshooting.md").read_text()


def test_every_runbook_is_in_their_index() -> None:
    folder = PROJECT / "docs" / "runbooks"
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", (folder / "README.md").read_text()))
    assert linked == {page.name for page in folder.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_links_lead_somewhere(guide: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", guide.read_text()):
        assert link.startswith("https://") or (guide.parent / link).exists(), link


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_links_within_a_page_lead_to_a_heading(guide: Path) -> None:
    for file, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", guide.read_text()):
        target = guide.parent / file if file else guide
        if target.suffix == ".md" and target.exists():
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, anchor


def test_the_tutorial_shows_the_same_commands_in_both_languages() -> None:
    english, chinese = shell_blocks("tutorial-api.md"), shell_blocks("tutorial-api.zh.md")
    assert english == [block.replace(" -H 'Accept-Language: zh'", "") for block in chinese]
    assert sum(block.count("api ") for block in english) > 30


@pytest.mark.parametrize("guide", [guide for guide in GUIDES if blocks(guide)], ids=lambda guide: guide.name)
def test_manifests_in_guides_are_objects_of_ours(guide: Path) -> None:
    check("\n---\n".join(blocks(guide)))


@pytest.mark.parametrize("file", sorted((PROJECT / "docs" / "how-to" / "manifests").glob("*.yaml")), ids=str)
def test_manifests_are_objects_of_ours(file: Path) -> None:
    check(file.read_text())


def check(text: str) -> None:
    models = {kind.name: kind.model for kind in KINDS}
    for found in yaml.safe_load_all(text):
        if str(found.get("apiVersion", "")).startswith("asynctask.io/"):
            model = models[found["kind"]].model_validate(found)
            given = found["spec"].keys()
            assert given <= model.model_dump(by_alias=True)["spec"].keys(), "a field that there is not"
