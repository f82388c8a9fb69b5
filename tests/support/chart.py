"""The chart, rendered by a real helm."""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from localcluster import tool

CHART = Path(__file__).parents[2] / "charts" / "asynctask"
NAMESPACE = "asynctask-system"

Object = dict[str, Any]


class ChartRefusedError(Exception):
    """Helm's no, in its words."""


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind, by name; those of a namespace that isn't the release's as NAMESPACE/NAME."""
        return {_key(each): each for each in self.objects if each["kind"] == kind}

    def pod_templates(self) -> dict[str, Object]:
        """The pod spec of everything that makes pods, by KIND/NAME."""
        return {
            f"{each['kind']}/{each['metadata']['name']}": each["spec"]["template"]["spec"]
            for each in self.objects
            if "template" in each.get("spec", {}) and each["kind"] in {"Deployment", "Job", "StatefulSet", "DaemonSet"}
        }

    def environment(self, deployment: str) -> dict[str, str | None]:
        """The variables of a Deployment's container; None for those that come from elsewhere."""
        container = self.of("Deployment")[deployment]["spec"]["template"]["spec"]["containers"][0]
        return {variable["name"]: variable.get("value") for variable in container["env"]}


def render(
    *arguments: str,
    values: str = "",
    release: str = "asynctask",
    kubernetes: str = "1.36.0",
    chart: Path = CHART,
) -> Rendered:
    """What `helm template` makes. Raises ChartRefusedError."""
    return _render((*arguments, "--kube-version", kubernetes), values, release, chart)


def ci_values(name: str) -> tuple[str, str]:
    """The arguments for one of the chart's own sets of values."""
    return ("--values", str(CHART / "ci" / f"{name}-values.yaml"))


@cache
def _render(arguments: tuple[str, ...], values: str, release: str, chart: Path) -> Rendered:
    command = [str(tool("helm")), "template", release, str(chart), "--namespace", NAMESPACE, "--values", "-"]
    done = subprocess.run([*command, *arguments], input=values, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChartRefusedError(done.stderr)
    return Rendered(tuple(each for each in yaml.safe_load_all(done.stdout) if each))


def _key(each: Object) -> str:
    namespace = each["metadata"].get("namespace", NAMESPACE)
    name: str = each["metadata"]["name"]
    return name if namespace == NAMESPACE else f"{namespace}/{name}"
