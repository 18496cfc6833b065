STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "owner": "customer",
    "credentials": {"s3": {"accessKey": "an-access-key", "secretKey": "a-secret-key", "region": "gra"}},
}


async def test_a_data_store_is_added_checked_listed_and_removed_without_showing_its_credentials(ada):
    answers = [
        await ada.post("v1/datastore", json=STORE),
        await ada.get("v1/datastore"),
        await ada.get("v1/datastore/MINE"),
        await ada.post("v1/datastore/MINE/check"),
        await ada.delete("v1/datastore/MINE"),
        await ada.get("v1/datastore/MINE"),
    ]

    assert [a.status_code for a in answers] == [200, 200, 200, 200, 204, 404]
    assert [s["alias"] for s in answers[1].json()] == ["GRA", "MINE"]
    assert answers[3].json()["state"] == "DONE"
    assert not any("secret-key" in a.text or "access-key" in a.text for a in answers)
