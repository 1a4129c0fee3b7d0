"""Markdown: text of others made literal, and advice turned into HTML without a way out."""

from __future__ import annotations

import functools
import re
from html import escape

from markdown_it import MarkdownIt
from markupsafe import Markup

from consilium.render.names import plain

_MEANING = re.compile(r"([\\`*_\[\]|~]|^[#+-])")


def literal(text: str) -> str:
    """Text in which no character means anything to GitHub markdown or to HTML.

    Examples
    --------
    >>> print(literal("[x](javascript:1) <b>"))
    \\[x\\](javascript:1) &lt;b&gt;
    """
    return _MEANING.sub(r"\\\1", escape(plain(text), quote=False))


def html(markdown: str) -> Markup:
    """Markdown as HTML: raw HTML stays text, images are not fetched, links lead only to http(s) and mail.

    Examples
    --------
    >>> str(html("**a** <script>"))
    '<p><strong>a</strong> &lt;script&gt;</p>\\n'
    """
    return Markup(_reader().render("\n".join(plain(line) for line in markdown.splitlines())))


@functools.lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable("image")
