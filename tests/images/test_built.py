"""What is in the built images works, as the unprivileged user that a pod runs it as."""

import pytest

from ovh_spawner.pod import images
from tests.support.built_images import configuration, container_of, stored
from tests.support.wheels import build_wheel

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

NOTEBOOKS = ("jupyterlab-conda:conda-py311-cpu", "vscode-conda:conda-py311-cpu")
EVERY = (*NOTEBOOKS, "conda:conda-py311-cpu", "datasync", "gateway", "hub", "service", "ssh")
USER = f"{images.USER_ID}:{images.USER_ID}"


@pytest.fixture(scope="module", params=NOTEBOOKS)
def notebook(request):
    with container_of(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def jupyterlab():
    with container_of(NOTEBOOKS[0]) as running:
        yield running


@pytest.mark.parametrize("name", EVERY)
def test_an_image_runs_as_the_unprivileged_user_and_has_no_entry_point(name):
    said = configuration(stored(name))

    assert said["User"] == USER
    assert not said.get("Entrypoint")


def test_the_test_build_says_that_conda_was_swapped():
    assert configuration(stored("environment-plain-python3.11"))["Labels"]["ovh-spawner.installer"] == "plain"


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("datasync", "datasync.__main__"),
        ("gateway", "gateway.__main__"),
        ("service", "service.__main__"),
        ("hub", "hub.kubernetes_spawner"),
        ("ssh", "ssh.__main__"),
    ],
)
def test_a_program_has_all_that_it_imports(name, module):
    with container_of(name) as running:
        assert (
            running.says(images.PYTHON, "-c", f"import ovh_spawner.{module}, os; print(os.getuid())")
            == "42420"
        )


def test_a_terminal_s_login_shell_finds_the_framework_and_what_was_installed(notebook):
    said = notebook.says("bash", "-lc", "command -v pip python; echo $PATH")

    assert said.splitlines()[:2] == [f"{images.FRAMEWORK_FOLDER}/bin/{name}" for name in ("pip", "python")]
    assert "/workspace/.local/bin" in said


def test_the_data_sync_has_git_ssh_and_rclone():
    with container_of("datasync") as running:
        assert running.says("git", "--version").startswith("git version")
        assert running.run("ssh", "-V").returncode == 0
        find = "from ovh_spawner.datasync.rclone import rclone_binary; print(rclone_binary())"
        assert running.says(running.says(images.PYTHON, "-c", find), "version").startswith("rclone v")


def test_the_network_check_runs_in_the_gateways_image():
    with container_of("gateway") as running:
        assert "--print-job" in running.says(
            images.PYTHON, "-m", "ovh_spawner.cli", "check-network", "--help"
        )


def test_the_hub_has_what_the_charts_configuration_asks_for():
    with container_of("hub") as running:
        wanted = "import pycurl, psycopg, yaml, kubernetes_asyncio, tornado.curl_httpclient"
        running.says(images.PYTHON, "-c", wanted)
        assert running.says("jupyterhub", "--version").startswith("6.")
        running.says("cat", "/usr/local/etc/jupyterhub/jupyterhub_config.py")


def test_a_kernel_runs_on_the_frameworks_python_not_on_jupyterlabs(jupyterlab):
    kernels = jupyterlab.says(images.EDITOR_PYTHON, "-m", "jupyter_client.kernelspecapp", "list", "--json")

    assert f"{images.FRAMEWORK_FOLDER}/bin/python" in kernels


def test_jupyterlab_starts(jupyterlab):
    assert jupyterlab.says(images.EDITOR_PYTHON, "-m", "jupyterlab", "--version").startswith("4.")
    assert jupyterlab.says("cat", f"{images.EDITOR_CONFIG}/jupyter_lab_config.json").startswith("{")


def test_vs_code_starts():
    with container_of(NOTEBOOKS[1]) as running:
        assert running.says(images.EDITOR_PROGRAM, "--version").splitlines()[-1][0].isdigit()
        # Its native modules load: a terminal needs one of them.
        node = f"{images.EDITORS_FOLDER}/vscode/lib/node"
        modules = (
            f"{images.EDITORS_FOLDER}/vscode/lib/node_modules/code-server/lib/vscode/node_modules/node-pty"
        )
        running.says(node, "-e", f"require('{modules}')")


def test_a_first_process_and_a_shell_are_there(notebook):
    assert notebook.says(*images.INIT, images.SHELL, "-c", "echo $HOME:$PWD") == "/workspace:/workspace"


def test_what_serves_ssh_in_a_notebook_loads_and_never_keeps_the_editor_from_starting(notebook):
    session = f"{images.SSH_FOLDER}/inside_session.py"
    program = f"import runpy; runpy.run_path('{session}', run_name='tried'); print('loaded')"
    impossible = "/nowhere/ssh.sock"  # nothing stays behind here, where no container ends it

    assert notebook.says(images.SSH_PYTHON, "-I", "-c", program) == "loaded"
    started = notebook.run(images.SSH_PYTHON, "-I", images.SSH_LISTENER, impossible, "echo", "editor")
    assert started.stdout.strip() == "editor"
    assert "There is no SSH in this notebook" in started.stderr


def test_pip_installs_into_the_home_and_the_kernel_finds_it(notebook, tmp_path):
    # The home is the notebook's claim: what lands there survives a stop.
    home = tmp_path / "home"
    home.mkdir()
    for folder in (*tmp_path.parents[:2], tmp_path):
        folder.chmod(0o755)
    home.chmod(0o777)
    wheel = build_wheel(home, name="greeting", source="word = 'hello'")
    mounts = (f"{home}:/workspace",)

    notebook.says("pip", "install", "--no-index", "--quiet", f"/workspace/{wheel.name}", mounts=mounts)

    assert list(home.glob(".local/lib/python3*/site-packages/greeting.py"))
    kernel = f"{images.FRAMEWORK_FOLDER}/bin/python"
    assert notebook.says(kernel, "-c", "import greeting; print(greeting.word)", mounts=mounts) == "hello"


def test_nothing_outside_the_home_can_be_written(notebook):
    for folder in (images.FRAMEWORK_FOLDER, images.EDITORS_FOLDER, images.SSH_FOLDER, "/usr/local/bin"):
        assert notebook.run("touch", f"{folder}/mine").returncode != 0


def test_the_editors_environment_is_apart_from_the_frameworks(jupyterlab):
    python = f"{images.FRAMEWORK_FOLDER}/bin/python"

    assert jupyterlab.run(python, "-c", "import jupyterlab").returncode != 0
