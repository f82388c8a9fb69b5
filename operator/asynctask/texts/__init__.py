"""What the product says to people, in its languages: one catalogue for the API, notifications and the command line.

A text belongs to a code (a refusal's, a reason's) and may name parameters: `{name}`. Programs act on code and
parameters, so that any client can say the same in words of its own.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Template = tuple[tuple[str, str | None], ...]
"""Literal text, then the parameter that follows it, if any."""


class BadCatalogue(Exception):
    """A catalogue file that can't be used; found by the tests, never by users."""


def say(code: str, params: Mapping[str, object] | None = None, language: Language = "en") -> str:
    """The text of a code. A parameter that is not given stays visible as `{name}`; an unknown code is its own text."""
    template = _catalogue().get(code, {}).get(language)
    if template is None:
        return code
    given = params or {}
    return "".join(literal + ("" if name is None else _shown(given, name)) for literal, name in template)


def knows(code: str) -> bool:
    """Whether the catalogue has the code."""
    return code in _catalogue()


def codes() -> tuple[str, ...]:
    """Every code, in order."""
    return tuple(sorted(_catalogue()))


def parameters(code: str, language: Language = "en") -> frozenset[str]:
    """The parameters that a text names."""
    return frozenset(name for _, name in _catalogue()[code][language] if name is not None)


def preferred(accept_language: str) -> Language:
    """The language that an `Accept-Language` header asks for (RFC 9110, section 12.5.4); English when it names none."""
    return _preferred(accept_language[:200])


@cache
def _catalogue() -> Mapping[str, Mapping[Language, Template]]:
    texts: dict[str, dict[Language, Template]] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            for code, entry in _entries(tomllib.loads(file.read_text("utf-8")), ""):
                if code in texts:
                    raise BadCatalogue(f"{file.name}: {code} is in another file already")
                texts[code] = {
                    language: _template(code, entry[language]) for language in LANGUAGES if language in entry
                }
    return texts


def _entries(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, dict[Language, str]]]:
    """A table that holds languages is a text; any other holds tables whose names it prefixes with its own and a dot."""
    for name, value in table.items():
        if not isinstance(value, dict):
            raise BadCatalogue(f"{prefix}{name}: not a table")
        if value.keys() <= set(LANGUAGES):
            yield prefix + name, {language: value[language] for language in LANGUAGES if language in value}
        else:
            yield from _entries(value, f"{prefix}{name}.")


def _template(code: str, text: str) -> Template:
    parts: list[tuple[str, str | None]] = []
    for literal, name, spec, conversion in Formatter().parse(text):
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise BadCatalogue(f"{code}: a parameter is a plain name in braces, not {name!r}")
        parts.append((literal, name))
    return tuple(parts)


def _shown(params: Mapping[str, object], name: str) -> str:
    if name not in params:
        return f"{{{name}}}"
    value = params[name]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return ", ".join(str(item) for item in value)
    return str(value)


@lru_cache(maxsize=256)
def _preferred(accept_language: str) -> Language:
    best: tuple[float, Language] = (0.0, "en")
    for item in accept_language.split(","):
        tag, _, parameters = item.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        for language in LANGUAGES:
            if tag.lower().partition("-")[0] == language and weight > best[0]:
                best = (weight, language)
    return best[1]
