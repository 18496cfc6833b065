"""The local hub's whole configuration. ``ovh-spawner local`` (``make run``) starts JupyterHub with it.

What an installation chooses is in its settings file, what is secret in the environment; both are read here.
"""

from ovh_spawner.domain.hosts import subdomain_of
from ovh_spawner.hub.configuration import TEMPLATES, read_deployment

c = get_config()  # noqa: F821 - given by JupyterHub
deployment = read_deployment()
settings = deployment.settings

# Where everything listens: all on loopback.
c.JupyterHub.bind_url = deployment.bind_url
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = settings.hub.api_port
c.ConfigurableHTTPProxy.command = deployment.proxy_command
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.hub.proxy_api_port}"
c.ConfigurableHTTPProxy.pid_file = str(deployment.state / "proxy.pid")

if settings.deployment.subdomains:
    c.JupyterHub.subdomain_host = settings.deployment.public_url
    c.JupyterHub.subdomain_hook = subdomain_of
    c.JupyterHub.cookie_host_prefix_enabled = settings.uses_host_cookies

# What it remembers.
c.JupyterHub.db_url = deployment.database_url
c.JupyterHub.upgrade_db = True
c.JupyterHub.cookie_secret_file = str(deployment.state / "jupyterhub_cookie_secret")
c.JupyterHub.cleanup_servers = settings.hub.cleanup_servers

# Who comes in: those whom the settings' block signIn names, else everybody who knows the demo's password.
c.JupyterHub.authenticator_class = "ovh_spawner.hub.authenticator.OVHAuthenticator"
c.OVHAuthenticator.sign_in = settings.sign_in
c.OVHAuthenticator.service_url = settings.service.url
c.OVHAuthenticator.internal_token = deployment.internal_token
c.OVHAuthenticator.oauth_callback_url = (
    f"{settings.deployment.public_url}{deployment.base_path}hub/oauth_callback"
)
if deployment.uses_demo_password:
    c.OVHAuthenticator.user_password = deployment.sign_in_password
    c.OVHAuthenticator.admin_password = deployment.admin_password
    c.OVHAuthenticator.admin_users = {"admin"} if deployment.admin_password else set()

# What runs: each notebook is a named server.
c.JupyterHub.spawner_class = "ovh_spawner.hub.local_spawner.OVHLocalSpawner"
c.JupyterHub.allow_named_servers = True
c.OVHLocalSpawner.settings = settings
c.OVHLocalSpawner.capabilities = deployment.capabilities()
c.OVHLocalSpawner.internal_token = deployment.internal_token
# A notebook that ends by itself is seen soon; looking at a process costs nothing.
c.OVHLocalSpawner.poll_interval = 5
# The service counts and limits; the hub neither throttles nor gives up.
c.JupyterHub.concurrent_spawn_limit = 0
c.OVHLocalSpawner.consecutive_failure_limit = 0

# The hub service, a process beside the hub, and what it may do.
c.JupyterHub.services = deployment.services()
c.JupyterHub.load_roles = deployment.roles()
c.JupyterHub.trust_user_provided_tokens = True

# Our pages.
c.JupyterHub.template_paths = [str(TEMPLATES)]
c.JupyterHub.default_url = f"{deployment.base_path}hub/home"
c.JupyterHub.template_vars = deployment.template_vars()
