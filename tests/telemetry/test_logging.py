import subprocess
import sys
from uuid import UUID

from ovh_spawner.domain.tokens import new_value

VALUE = new_value(UUID(int=7), bytes(range(32)))

PROGRAM = """
import sys
import structlog
from ovh_spawner.telemetry.logging import configure_logging

configure_logging("test")
log = structlog.get_logger()
value = sys.stdin.read()
log.info("said", path=f"/?token={value}", note=[1], number=1)
log.info(f"event {value}")
log.info("named", token="plain", password="plain", access_key="plain")
try:
    raise ValueError(f"cannot read {value}")
except ValueError:
    log.exception("failed")
"""


def test_an_application_token_is_in_no_line_wherever_it_comes_from():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=VALUE, capture_output=True, text=True, check=True
    )

    assert VALUE not in done.stderr
    assert "plain" not in done.stderr
    assert done.stderr.count("ovhn_***") >= 3
    assert "cannot read" in done.stderr
