"""``/v1/capabilities``: what can be asked for here; the vendor's older paths too."""

from pydantic import Field

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.domain.capabilities import Capabilities, Editor, Framework
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.errors import NotFoundError
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.operations.views import QuotaView

ROUTES = Routes("capabilities")


class EditorParameters(Parameters):
    """Which editors."""

    compatible_with_framework: str = Field(
        default="", description="Only editors that work with this framework."
    )


class ProjectParameters(Parameters):
    """In which project."""

    project: str | None = Field(
        default=None, max_length=255, description="A project of yours; without it the one that you used last."
    )


class FrameworkParameters(Parameters):
    """Which frameworks."""

    compatible_with_editor: str = Field(default="", description="Only frameworks that work with this editor.")


def _known(call: Call[NoParameters] | Call[EditorParameters] | Call[FrameworkParameters]) -> Capabilities:
    return call.service.operations.capabilities.capabilities()


async def _priced(call: Call[ProjectParameters]) -> Capabilities:
    return await call.service.operations.capabilities.priced(call.actor, call.query.project)


def _editors(call: Call[EditorParameters]) -> list[Editor]:
    known = _known(call)
    wanted = call.query.compatible_with_framework
    if not wanted:
        return list(known.editors)
    framework = known.framework(wanted)
    return [e for e in known.editors if framework and e.id not in framework.incompatible_editors]


def _frameworks(call: Call[FrameworkParameters]) -> list[Framework]:
    known = _known(call)
    wanted = call.query.compatible_with_editor
    if not wanted:
        return list(known.frameworks)
    return [f for f in known.frameworks if known.editor(wanted) and wanted not in f.incompatible_editors]


def _editor(call: Call[NoParameters]) -> Editor:
    found = _known(call).editor(call.path["id"])
    if found is None:
        raise NotFoundError("editor", call.path["id"][:80])
    return found


def _framework(call: Call[NoParameters]) -> Framework:
    found = _known(call).framework(call.path["id"])
    if found is None:
        raise NotFoundError("framework", call.path["id"][:80])
    return found


def _choice(choice: Editor | Framework) -> dict[str, object]:
    return {
        "id": choice.id,
        "name": choice.name,
        "description": choice.description,
        "doc_url": choice.doc_url,
        "logo_url": choice.logo_url,
        "available": not choice.unavailable,
        "unavailable_reason": choice.unavailable or None,
    }


def _to_editor(editor: Editor) -> wire.NotebookEditor:
    return wire.NotebookEditor.model_validate({**_choice(editor), "versions": list(editor.versions)})


def _to_framework(framework: Framework) -> wire.NotebookFramework:
    return wire.NotebookFramework.model_validate(
        {
            **_choice(framework),
            "saved_paths": list(framework.saved_paths),
            "versions": list(framework.versions),
        }
    )


def _to_old_editor(editor: Editor, known: Capabilities) -> wire.CapabilityNotebookEditor:
    hostile = [f.id for f in known.frameworks if editor.id in f.incompatible_editors]
    return wire.CapabilityNotebookEditor.model_validate(
        {
            **_choice(editor),
            "version": editor.versions[0] if editor.versions else "",
            "incompatible_with": hostile,
            "probe_path": editor.probe_path,
        }
    )


def _to_old_framework(framework: Framework) -> wire.CapabilityNotebookFramework:
    return wire.CapabilityNotebookFramework.model_validate(
        {
            **_choice(framework),
            "saved_paths": list(framework.saved_paths),
            "versions": list(framework.versions),
            "incompatible_with": sorted(framework.incompatible_editors),
        }
    )


def _to_flavor(call: Call[ProjectParameters], flavor: Flavor) -> wire.FlavorAnswer:
    now = call.service.now()
    prices = [price for price in flavor.prices if price.valid_from <= now]
    card, unit = flavor.gpu, flavor.per_unit
    return wire.FlavorAnswer(
        id=flavor.id,
        description=flavor.description,
        type=flavor.type.value,
        default=flavor.default,
        max=flavor.max,
        gpu_information=wire.GpuInformationAnswer(
            gpu_brand=card.brand, gpu_model=card.model, gpu_memory=card.memory
        )
        if card
        else None,
        resources_per_unit=wire.ResourcesPerUnit(
            cpu=unit.cpu,
            gpu=unit.gpu,
            memory=unit.memory,
            ephemeral_storage=unit.ephemeral_storage,
            private_network=unit.private_network,
            public_network=unit.public_network,
        ),
        price_per_hour=max(prices, key=lambda price: price.valid_from).per_hour if prices else None,
        currency=call.service.operations.capabilities.capabilities().currency,
        available=not flavor.unavailable,
        unavailable_reason=flavor.unavailable or None,
    )


def to_quotas(quota: QuotaView) -> wire.ProjectQuotas:
    """Return the project's quotas; only GPUs are limited."""
    return wire.ProjectQuotas(resources={"GPU": quota.gpu_quota})


@ROUTES.route(
    "GET",
    "/v1/capabilities/notebook/editor",
    answer=list[wire.NotebookEditor],
    query=EditorParameters,
)
async def list_editors(call: Call[EditorParameters]) -> list[wire.NotebookEditor]:
    """List editors."""
    return [_to_editor(editor) for editor in _editors(call)]


@ROUTES.route(
    "GET",
    "/v1/capabilities/notebook/editor/{id}",
    answer=wire.NotebookEditor,
    errors=(404,),
)
async def get_editor(call: Call[NoParameters]) -> wire.NotebookEditor:
    """Get an editor."""
    return _to_editor(_editor(call))


@ROUTES.route(
    "GET",
    "/v1/capabilities/notebook/framework",
    answer=list[wire.NotebookFramework],
    query=FrameworkParameters,
)
async def list_frameworks(call: Call[FrameworkParameters]) -> list[wire.NotebookFramework]:
    """List frameworks."""
    return [_to_framework(framework) for framework in _frameworks(call)]


@ROUTES.route(
    "GET",
    "/v1/capabilities/notebook/framework/{id}",
    answer=wire.NotebookFramework,
    errors=(404,),
)
async def get_framework(call: Call[NoParameters]) -> wire.NotebookFramework:
    """Get a framework."""
    return _to_framework(_framework(call))


@ROUTES.route(
    "GET", "/v1/capabilities/flavor", answer=list[wire.FlavorAnswer], query=ProjectParameters, errors=(404,)
)
async def list_flavors(call: Call[ProjectParameters]) -> list[wire.FlavorAnswer]:
    """List flavors, at the project's prices."""
    return [_to_flavor(call, flavor) for flavor in (await _priced(call)).flavors]


@ROUTES.route(
    "GET",
    "/v1/capabilities/flavor/{id}",
    answer=wire.FlavorAnswer,
    query=ProjectParameters,
    errors=(404,),
)
async def get_flavor(call: Call[ProjectParameters]) -> wire.FlavorAnswer:
    """Get a flavor, at the project's price."""
    found = (await _priced(call)).flavor(call.path["id"])
    if found is None:
        raise NotFoundError("flavor", call.path["id"][:80])
    return _to_flavor(call, found)


@ROUTES.route(
    "GET",
    "/v1/capabilities/quota",
    answer=list[wire.ProjectQuotas],
    query=ProjectParameters,
    errors=(404,),
)
async def get_quota(call: Call[ProjectParameters]) -> list[wire.ProjectQuotas]:
    """Get the quotas of a project."""
    return [to_quotas(await call.service.operations.capabilities.quota(call.actor, call.query.project))]


@ROUTES.route(
    "GET",
    "/v1/notebook/capabilities/editor",
    answer=list[wire.CapabilityNotebookEditor],
    query=EditorParameters,
    deprecated=True,
)
async def list_editors_old(call: Call[EditorParameters]) -> list[wire.CapabilityNotebookEditor]:
    """List editors, older shape."""
    return [_to_old_editor(editor, _known(call)) for editor in _editors(call)]


@ROUTES.route(
    "GET",
    "/v1/notebook/capabilities/editor/{id}",
    answer=wire.CapabilityNotebookEditor,
    errors=(404,),
    deprecated=True,
)
async def get_editor_old(call: Call[NoParameters]) -> wire.CapabilityNotebookEditor:
    """Get an editor, older shape."""
    return _to_old_editor(_editor(call), _known(call))


@ROUTES.route(
    "GET",
    "/v1/notebook/capabilities/framework",
    answer=list[wire.CapabilityNotebookFramework],
    query=FrameworkParameters,
    deprecated=True,
)
async def list_frameworks_old(call: Call[FrameworkParameters]) -> list[wire.CapabilityNotebookFramework]:
    """List frameworks, older shape."""
    return [_to_old_framework(framework) for framework in _frameworks(call)]


@ROUTES.route(
    "GET",
    "/v1/notebook/capabilities/framework/{id}",
    answer=wire.CapabilityNotebookFramework,
    errors=(404,),
    deprecated=True,
)
async def get_framework_old(call: Call[NoParameters]) -> wire.CapabilityNotebookFramework:
    """Get a framework, older shape."""
    return _to_old_framework(_framework(call))
