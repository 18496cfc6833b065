import pytest

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.catalog.local import count_gpus, framework_python, local_capabilities, vscode_launcher
from ovh_spawner.settings import LocalSettings, Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(
        local=LocalSettings(
            environments_folder=str(tmp_path / "environments"), vscode_folder=str(tmp_path / "vscode")
        )
    )


@pytest.fixture(scope="module")
def catalog():
    return load_catalog({}, region="GRA")


def touch(path):
    path.parent.mkdir(parents=True)
    path.touch()


def test_what_is_not_installed_is_shown_with_what_to_do(catalog, settings):
    here = local_capabilities(catalog, settings, gpus=0)

    assert here.editor("jupyterlab").unavailable == ""
    assert "run `make vscode`" in here.editor("vscode").unavailable
    assert "environments/pytorch" in here.framework("pytorch").unavailable
    assert "no GPU" in here.flavor("ai1-1-gpu").unavailable
    assert here.flavor("ai1-1-cpu").unavailable == ""


def test_what_is_installed_can_be_chosen(catalog, settings):
    touch(vscode_launcher(settings))
    touch(framework_python(settings, "conda"))

    here = local_capabilities(catalog, settings, gpus=0)

    assert here.editor("vscode").unavailable == ""
    assert here.framework("conda").unavailable == ""


@pytest.mark.parametrize(("own", "simulated"), [(1, 0), (0, 4)])
def test_own_or_simulated_gpus_make_the_gpu_flavor_available_in_full(catalog, settings, own, simulated):
    local = settings.local.model_copy(update={"simulated_gpus": simulated})

    here = local_capabilities(catalog, settings.model_copy(update={"local": local}), gpus=own)

    assert here.flavor("ai1-1-gpu").unavailable == ""
    assert here.flavor("ai1-1-gpu").max == 4


def test_cards_are_counted_by_what_the_driver_shows(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()

    assert count_gpus(tmp_path) == 2
    assert count_gpus(tmp_path / "absent") == 0
