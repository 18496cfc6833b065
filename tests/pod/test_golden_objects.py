"""What surrounds a pod, as reviewed files: claim, Secrets, Jobs, NetworkPolicies."""

from dataclasses import replace

from pydantic import SecretStr

from ovh_spawner.contract.local import EditorProcess, GatewayConfig
from ovh_spawner.contract.sync import S3Source, SyncDirection, SyncJob, SyncVolume
from ovh_spawner.pod import paths
from ovh_spawner.pod.claim import plan_claim
from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.network import plan_run_policy, plan_sync_policy
from ovh_spawner.pod.secrets import plan_environment_secret, plan_run_secret, plan_sync_secret
from ovh_spawner.settings_kubernetes import NetworkSettings, StorageSettings
from tests.pod.building import CATALOG, NOTEBOOK, PREFIX, RUN, SETTINGS, SUBJECT, SYNC, as_yaml
from tests.support.golden import assert_golden

OF_SYNC = replace(SUBJECT, run=None, sync=SYNC)
STORES = [("10.1.2.3", 9000), ("fd00::7", 443), ("10.1.2.3", 9000)]
GATEWAY = GatewayConfig(
    notebook=NOTEBOOK,
    run=RUN,
    prefix=PREFIX,
    host="0.0.0.0",
    port=8888,
    service_url="http://service:8002",
    service_prefix="/services/ai/",
    gateway_token=SecretStr("gateway-token"),
    cookie_key=SecretStr("cookie-key"),
    editor=EditorProcess(socket=paths.EDITOR_SOCKET, strip_prefix=False, probe_path="api", name="JupyterLab"),
)


def job(direction):
    source = S3Source(
        alias="GRA",
        endpoint="https://s3.test",
        region="gra",
        access_key=SecretStr("access-key"),
        secret_key=SecretStr("secret-key"),
        container="bucket",
    )
    volume = SyncVolume(
        id=NOTEBOOK,
        mount_path="/outside",
        path=paths.claim_path("/outside"),
        permission="RW",
        source=source,
    )
    return SyncJob(
        id=SYNC, direction=direction, notebook=NOTEBOOK, volumes=[volume], state_folder=paths.SYNC_STATE
    )


def masked(secret):
    """Return a Secret without the messages in it, which have tests of their own."""
    files = {key: "…" if key.endswith(".json") else text for key, text in secret["stringData"].items()}
    return {**secret, "stringData": files}


def test_the_claim_is_as_reviewed():
    chosen = StorageSettings.model_validate(
        {"className": "fast", "size": "1Ti", "accessMode": "ReadWriteMany"}
    )

    assert_golden(
        "objects/claim.yaml",
        as_yaml(plan_claim(SUBJECT, SETTINGS.kubernetes.storage), plan_claim(SUBJECT, chosen)),
    )


def test_the_secrets_of_a_run_are_as_reviewed():
    assert_golden(
        "objects/run-secrets.yaml",
        as_yaml(
            masked(plan_run_secret(SUBJECT, GATEWAY, job(SyncDirection.PULL))),
            plan_environment_secret(SUBJECT, {"MY_TOKEN": SecretStr("a{b}$(HOME)")}),
        ),
    )


def test_secrets_hold_the_messages_with_their_secrets():
    pull, push = job(SyncDirection.PULL), job(SyncDirection.PUSH)
    files = plan_run_secret(SUBJECT, GATEWAY, pull)["stringData"]
    job_file = plan_sync_secret(OF_SYNC, push)["stringData"]["job.json"]

    assert GatewayConfig.model_validate_json(files["gateway.json"]) == GATEWAY
    assert SyncJob.model_validate_json(files["pull.json"]) == pull
    assert SyncJob.model_validate_json(job_file) == push


def test_without_a_pull_the_secret_holds_the_gateways_file_only():
    assert set(plan_run_secret(SUBJECT, GATEWAY, None)["stringData"]) == {"gateway.json"}


def test_the_job_of_a_push_and_what_it_needs_are_as_reviewed():
    assert_golden(
        "objects/push.yaml",
        as_yaml(
            plan_sync_job(OF_SYNC, SYNC, SETTINGS.kubernetes, flavor=CATALOG.flavor("ai1-1-gpu")),
            masked(plan_sync_secret(OF_SYNC, job(SyncDirection.PUSH))),
        ),
    )


def test_network_policies_are_as_reviewed():
    network = NetworkSettings.model_validate(
        {"allowed": ["10.20.0.0/16"], "denied": ["203.0.113.9", "2001:db8::/32"]}
    )

    assert_golden(
        "objects/network-policies.yaml",
        as_yaml(
            plan_run_policy(SUBJECT, network, service_port=8002, stores=STORES),
            plan_sync_policy(OF_SYNC, SETTINGS.kubernetes.network, stores=STORES),
        ),
    )
