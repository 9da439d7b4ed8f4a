"""Moderation: what harm, if any, a text or picture falls under."""

from integration_api.core.moderation import ModerationRequest, ModerationResponse
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary


async def moderate(
    unary: Unary, origin: Origin, target: Target, request: ModerationRequest
) -> tuple[Call, ModerationResponse]:
    """Return one judgement for each input. Raises `Failure`."""
    return await unary.run(origin, target, "moderation", target.provider.moderation, request)
