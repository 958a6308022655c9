"""Postmortems as files: one per incident, whole, and never written over."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.postmortem.file import Folder
from activities.postmortem.filing import Postmortems
from byteport.domain.postmortem_text import as_markdown
from byteport.errors import Unavailable
from tests.builders.closed import postmortem


@pytest.mark.claim("C-475")
async def test_an_incident_is_one_file_that_stays_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "postmortems")
    first = await folder.file(postmortem())
    again = await folder.file(postmortem(decision="escalated"))
    (file,) = (tmp_path / "postmortems").iterdir()
    assert first == again
    assert first.url == file.as_uri()
    assert file.read_text() == as_markdown(postmortem())
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_of_many_who_write_at_once_one_is_kept_and_no_part_is_left(tmp_path: Path) -> None:
    folders = [Folder(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda folder: folder._write(postmortem()), folders))
    assert [path.name for path in tmp_path.iterdir()] == [f"{postmortem().incident_id}.md"]


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Unavailable, match=r"postmortem\.folder"):
        await Folder(tmp_path / "taken").file(postmortem())


async def test_where_nothing_is_set_nothing_is_filed() -> None:
    with pytest.raises(ApplicationError, match=r"postmortem\.target"):
        await Postmortems(None).file(postmortem())
