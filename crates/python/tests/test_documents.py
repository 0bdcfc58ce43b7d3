"""What documents show of Python is what Python says."""

import doctest

import pytest
from conftest import REPOSITORY


@pytest.mark.parametrize("document", ["docs/python.md", "README.md"])
def test_examples_in_documents_are_right(document, monkeypatch):
    path = REPOSITORY / document
    if not path.is_file():
        pytest.skip("not in a checkout")
    monkeypatch.chdir(REPOSITORY)
    found = doctest.testfile(str(path), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0 and found.attempted > 0
