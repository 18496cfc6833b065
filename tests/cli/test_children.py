"""The supervisor's children: what a start that does not succeed at once comes to."""

import os
import sys

import pytest

from ovh_spawner.cli.children import Child
from ovh_spawner.errors import ConfigError

STARTS = "import pathlib, sys, time; path = pathlib.Path(sys.argv[1]); path.open('a').write('x'); "
SECOND_TIME_LUCKY = (
    STARTS + "len(path.read_text()) > 1 or sys.exit('too slow'); path.with_suffix('.up').touch(); "
)
NEVER = STARTS + "sys.exit('wrong setting')"


def child(tmp_path, program: str, *, tries: int) -> Child:
    starts = tmp_path / "starts"

    async def is_ready() -> bool:
        return starts.with_suffix(".up").exists()

    command = [sys.executable, "-c", program + "time.sleep(600)" * program.endswith(" "), str(starts)]
    return Child("hub", command, dict(os.environ), tmp_path / "log", is_ready, tries=tries)


async def test_a_start_that_a_busy_machine_missed_is_tried_again(tmp_path):
    hub = child(tmp_path, SECOND_TIME_LUCKY, tries=3)

    await hub.start()

    assert (tmp_path / "starts").read_text() == "xx"
    await hub.end()


@pytest.mark.parametrize("tries", [1, 3])
async def test_a_start_that_never_succeeds_is_told_with_its_last_words(tmp_path, tries):
    hub = child(tmp_path, NEVER, tries=tries)

    with pytest.raises(ConfigError, match="wrong setting"):
        await hub.start()

    assert (tmp_path / "starts").read_text() == "x" * tries
