"""What no path may hold, on each database: they differ in what they take for a text."""

import pytest

from tests.support.http_doors import of_world, open_door


@pytest.mark.parametrize(
    "path",
    [
        "v1/datastore/a%00b",
        "v1/project/a%00b",
        "v1/project/default/member/user/a%00b",
        f"v1/project/{'x' * 300}",
        f"v1/datastore/{'x' * 300}",
    ],
)
async def test_a_path_that_names_nothing_is_not_found(world, path):
    async with open_door(serve=of_world(world)) as door:
        body = {"role": "read"} if "member" in path else {}
        for name in ("boss", "ann"):
            client = door.person(name, admin=name == "boss")
            answers = [await client.request(method, path, json=body) for method in ("GET", "PUT", "DELETE")]

            assert {answer.status_code for answer in answers} <= {404, 405}
