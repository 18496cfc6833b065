"""What the SSH endpoint asks: may this key enter this notebook?"""

from ovh_spawner.contract.ssh import SshAnswer, SshEntry, SshQuestion
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("ssh", caller=Caller.SSH)


@ROUTES.route("POST", "/internal/v1/ssh/authorize", answer=SshAnswer, body=SshQuestion, errors=(400,))
async def authorize(call: Call[NoParameters]) -> SshAnswer:
    """Say whether a key enters a notebook."""
    question = read_message(SshQuestion, call.body)
    return await call.service.operations.ssh.authorize(question.notebook, question.key)


@ROUTES.route("POST", "/internal/v1/ssh/entered", body=SshEntry, errors=(400,))
async def entered(call: Call[NoParameters]) -> None:
    """Write down that a key was let in."""
    await call.service.operations.ssh.record_entry(read_message(SshEntry, call.body))
