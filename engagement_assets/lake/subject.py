"""Who is to be forgotten, and which rows without columns of their own are theirs.

Columns are compared as ingestion reads them. A rejected row is a text: it is theirs where it names them as its customer, however
its characters are escaped, where an e-mail address of theirs stands in it, or where it names no customer and their identifier
stands in it as a word. A row that names another customer stays theirs, whatever numbers are in it.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote, unquote_plus

#: What ingestion cuts off an identifier.
SPACE = " "

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+")

#: Left of an address: not in the middle of a longer one. An apostrophe may quote it, or be part of it.
_NO_LONGER_ADDRESS = r"(?<![\w.+-])(?<!\w')"

_NUMBER_OR_PUNCTUATION = re.compile(r"[\W\d_]*")
_WORDS = re.compile(r"[A-Za-z _-]*")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]*")

#: A customer and who they are, in a line that is no JSON.
_CUSTOMER = re.compile(
    r"""(?<!\w)["']?customer_id["']?\s*[:=]\s*(?:"((?:[^"\\]|\\.)*)"?|'([^']*)'?|([^\s"',;{}\[\]]+))"""
)

_EMAIL = re.compile(r"""["']email["']\s*:\s*["']([^"']*)""")

#: Names of fields that mean a customer, in rows that lack `customer_id`.
_LIKE_A_CUSTOMER = (
    r"(?i:(?:customer|client|user|member|buyer|visitor|contact|account)(?:[ _-]?(?:id|no|nr|number|key))?|[cu]?id)"
)

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

#: A text without any of these says what it says.
_SIGNS_OF_ESCAPES = ("\\", "%", "&", "+")


def folded(text: str) -> str:
    """A text as addresses are compared: without case, one form of each letter."""
    return unicodedata.normalize("NFC", text.casefold())


def addresses(texts: Iterable[str | None]) -> frozenset[str]:
    """The e-mail addresses in texts, folded."""
    return frozenset(address for text in texts if text for address in _ADDRESS.findall(folded(text)))


@dataclass(frozen=True)
class Subject:
    """Who is to be forgotten.

    `addresses` are theirs alone, `shared` are another customer's too; `longer` are identifiers and addresses of others that hold
    one of theirs as a part. Addresses are folded.
    """

    customer_id: str
    addresses: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    longer: frozenset[str] = frozenset()

    @property
    def is_telling(self) -> bool:
        """Whether the identifier means them wherever it stands: no short number, no ordinary word, no few hexadecimal digits."""
        name = self.customer_id
        if _NUMBER_OR_PUNCTUATION.fullmatch(name) and name.isascii():
            return sum(character.isdigit() for character in name) >= 9
        if _WORDS.fullmatch(name):
            return False
        return len(name) >= (12 if _HEXADECIMAL.fullmatch(name) else 5 if name.isascii() else 3)

    def addresses_in(self, text: str) -> frozenset[str]:
        """The addresses that a row gives as theirs: a customer whose row was rejected is in no other table."""
        if self.customer_id not in text or "@" not in text or self.customer_id not in _customers(text)[0]:
            return frozenset()
        return addresses(_EMAIL.findall(text))

    def owns(self, text: str) -> bool:
        """Whether a row that is a text is theirs."""
        if not self._may_be_in(text):
            return False
        customers, others_text = _customers(text)
        if self.customer_id in customers:
            return True
        if any(self._has_address(reading) for reading in readings(others_text if customers else text)):
            return True
        return not customers and any(self._is_named(reading) for reading in readings(text))

    def _may_be_in(self, text: str) -> bool:
        if self.customer_id in text or any(sign in text for sign in _SIGNS_OF_ESCAPES):
            return True
        return bool(self.addresses) and any(address in folded(text) for address in self.addresses)

    def _has_address(self, text: str) -> bool:
        return bool(self.addresses) and bool(self._address.search(self._without_longer(folded(text))))

    def _is_named(self, text: str) -> bool:
        return bool(self._name.search(self._without_longer(text)))

    def _without_longer(self, text: str) -> str:
        for name in sorted(self.longer, key=len, reverse=True):
            text = text.replace(name, SPACE)
        return text

    @cached_property
    def _address(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, sorted(self.addresses, key=len, reverse=True)))
        return re.compile(rf"{_NO_LONGER_ADDRESS}(?:{names})(?![\w-]|\.\w)")

    @cached_property
    def _name(self) -> re.Pattern[str]:
        name = re.escape(self.customer_id)
        if self.is_telling:
            return re.compile(rf"(?<![\w-]){name}(?![\w-])")
        value = rf"\[?\s*[\"']? *{name}(?:\.0+(?!\d))?"
        return re.compile(rf"(?<!\w)[\"']?{_LIKE_A_CUSTOMER}[\"']?\s*[:=]\s*{value} *(?=[\"',;}}\]]|$)")


def readings(text: str) -> Iterator[str]:
    """What a text says: as it is, and with what escapes of JSON, of URLs and of HTML in it stand for."""
    once = _unescaped(text)
    yield from {text, once, _unescaped(once), unquote(once), unquote_plus(once), html.unescape(once)}


def _unescaped(text: str) -> str:
    r"""A text in which `\u0056` is V, and so on, once: `\\u0056` becomes `\u0056`."""
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _customers(text: str) -> tuple[set[str], str]:
    """Whom a row names as its customer, and its text without their own address."""
    try:
        row = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=_whole)
    except (ValueError, RecursionError):
        found = _CUSTOMER.findall(text) or _CUSTOMER.findall(_unescaped(text))
        return _names(_unescaped(double or single) or _whole(bare) for double, single, bare in found), text
    if not isinstance(row, _Pairs):
        return set(), text
    named = _names(value for key, value in row if key.strip(SPACE) == "customer_id")
    return named, json.dumps([pair for pair in row if pair[0] != "email"], ensure_ascii=False)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, keys that come again too."""


def _names(values: Iterable[Any]) -> set[str]:
    texts = {value.strip(SPACE) for value in values if isinstance(value, str)}
    return texts - {"", "null"}


def _whole(number: str) -> str:
    """A number as identifiers are read: 7.0 is 7."""
    whole = re.fullmatch(r"(-?[0-9]+)[.]0+", number)
    return whole[1] if whole else number
