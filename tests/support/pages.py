"""Commands that a page of the documentation shows."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def shell_blocks(page: str) -> list[str]:
    """The shell blocks of a page, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(r"(^|\s+)# .*$", "", block, flags=re.MULTILINE) for block in blocks]
