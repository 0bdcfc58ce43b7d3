"""A preprocessor of mdBook: links out of the book keep their ending.

mdBook turns every `.md` at the end of a link into `.html`, also of links to `results/` and `examples/`, where the
pages stay Markdown. Written as `%2Emd` they are left alone, and lead to the same files.
"""

import json
import posixpath
import re
import sys

LINK = re.compile(r"(\]\()([^)#:\s]+)\.md([#)])")


def keep(page, match):
    """The link as it is, if it stays in the book."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[2]))
    ending = "%2Emd" if target.startswith("..") else ".md"
    return match[1] + match[2] + ending + match[3]


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter and chapter.get("path"):
            chapter["content"] = LINK.sub(lambda match: keep(chapter["path"], match), chapter["content"])
            walk(chapter["sub_items"])


if sys.argv[1:2] != ["supports"]:
    _, book = json.load(sys.stdin)
    walk(book.get("items", book.get("sections")))
    json.dump(book, sys.stdout)
