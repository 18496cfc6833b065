"""``world``: a service on SQLite, and again on PostgreSQL when its programs are here.

``database_url``: an empty database.
"""

import pytest

from tests.support.postgresql import find_programs, postgresql_server
from tests.support.requirements import need
from tests.support.world import World


@pytest.fixture(scope="session")
def postgresql():
    programs = find_programs()
    need("postgresql", programs, "Debian's package postgresql")
    with postgresql_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
async def world(tmp_path, database_url):
    made = World(tmp_path, database_url)
    await made.start()
    yield made
    await made.close()
