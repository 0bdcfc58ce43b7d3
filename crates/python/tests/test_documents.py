"""What documents show of Python is what Python says."""

import doctest

import pytest
from conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
DOCUMENTS = [str(page.relative_to(REPOSITORY)) for page in PAGES if page.is_file() and ">>> " in page.read_text()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_in_documents_are_right(document, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    found = doctest.testfile(str(REPOSITORY / document), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0 and found.attempted > 0
