from dataclasses import replace


async def test_lists_are_bare_arrays_and_each_entry_has_its_own_address(ada):
    for kind in ("notebook/editor", "notebook/framework", "flavor"):
        entries = (await ada.get(f"v1/capabilities/{kind}")).json()
        one = await ada.get(f"v1/capabilities/{kind}/{entries[0]['id']}")
        assert one.json() == entries[0]
        assert (await ada.get(f"v1/capabilities/{kind}/none")).status_code == 404


async def test_a_gpu_flavor_tells_its_card_and_a_cpu_flavor_has_none(ada):
    flavors = {f["id"]: f for f in (await ada.get("v1/capabilities/flavor")).json()}

    assert flavors["ai1-1-gpu"]["gpuInformation"]["gpuBrand"]
    assert "gpuInformation" not in flavors["ai1-1-cpu"]
    assert flavors["ai1-1-cpu"]["max"] == 12


async def test_the_price_is_the_one_that_is_valid_now(door, ada):
    known = door.service.operations.capabilities.known
    flavor = known.flavors[0]
    later = replace(flavor.prices[-1], valid_from=door.service.now().replace(year=2099))
    changed = replace(flavor, prices=(*flavor.prices, later))
    door.service.operations.capabilities.known = replace(known, flavors=(changed,))

    shown = (await ada.get("v1/capabilities/flavor")).json()[0]

    assert shown["pricePerHour"] == format(flavor.prices[-1].per_hour, "f")


async def test_what_is_not_installed_is_listed_with_the_reason(door, ada):
    known = door.service.operations.capabilities.known
    missing = replace(known.editors[0], unavailable="run make vscode")
    door.service.operations.capabilities.known = replace(known, editors=(missing, *known.editors[1:]))

    shown = (await ada.get("v1/capabilities/notebook/editor")).json()

    assert (shown[0]["available"], shown[0]["unavailableReason"]) == (False, "run make vscode")
    assert "unavailableReason" not in shown[1]


async def test_the_compatibility_filters_leave_out_what_does_not_fit(door, ada):
    known = door.service.operations.capabilities.known
    picky = replace(known.frameworks[0], incompatible_editors=frozenset({"vscode"}))
    door.service.operations.capabilities.known = replace(known, frameworks=(picky, *known.frameworks[1:]))

    editors = (
        await ada.get("v1/capabilities/notebook/editor", params={"compatibleWithFramework": picky.id})
    ).json()
    frameworks = (
        await ada.get("v1/notebook/capabilities/framework", params={"compatibleWithEditor": "vscode"})
    ).json()

    assert "vscode" not in {e["id"] for e in editors}
    assert picky.id not in {f["id"] for f in frameworks}


async def test_the_quota_is_an_array_and_the_project_tells_its_use(ada):
    assert (await ada.get("v1/capabilities/quota")).json() == [{"resources": {"GPU": 4}}]
    [project] = (await ada.get("v1/project")).json()
    assert (project["name"], project["gpuQuota"], project["gpusUsed"]) == ("default", 4, 1)
