"""Changing a call that is under way. https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource"""

import re

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import PROGRESS, CallState, Control, Done, Transfer
from integration_api.providers.twilio import client, twiml, wire
from integration_api.providers.twilio.states import state_of

_DIGITS = re.compile(r"[0-9*#w]+")


def hang_up(ask: Control, credential: Credential) -> Exchange[Done]:
    """End a call; one that is over already is none to end.

    One that was not answered is cancelled. It may have been answered just now: then it is completed.
    """
    if PROGRESS.get(ask.state, 0) < PROGRESS[CallState.ANSWERED]:
        over = yield from _end(ask.provider_call_id, "canceled", credential)
        if over:
            return Done()
    yield from _end(ask.provider_call_id, "completed", credential)
    return Done()


def send_dtmf(ask: Control, credential: Credential) -> Exchange[Done]:
    """Press keys, and let the sound go on at `routes`: the socket that is open is closed for it."""
    if not _DIGITS.fullmatch(ask.digits):
        raise Failure(
            Kind.INVALID_REQUEST,
            "digits are 0 to 9, * and #, and w for a wait of half a second",
            code="invalid_value",
            param="digits",
        )
    if ask.routes is None:
        raise Failure(
            Kind.UNSUPPORTED,
            "twilio presses keys in calls whose sound comes here; this one follows a document of its own",
            code="unsupported",
        )
    document = twiml.response(twiml.play_digits(ask.digits), twiml.connect(ask.routes, ask.media_params))
    yield client.post(client.call_path(ask.provider_call_id), [("Twiml", document)], credential, once=True)
    return Done()


def transfer(ask: Transfer, credential: Credential) -> Exchange[Done]:
    """Connect whoever is on the telephone to another number, until either hangs up."""
    document = twiml.response(twiml.dial(ask.to, ask.from_))
    yield client.post(client.call_path(ask.provider_call_id), [("Twiml", document)], credential, once=True)
    return Done()


def _end(sid: str, status: str, credential: Credential) -> Exchange[bool]:
    """Return whether the call is known to be over afterwards."""
    try:
        told = yield client.post(client.call_path(sid), [("Status", status)], credential)
    except ProviderError as error:
        if error.refusal.code not in (client.NOT_FOUND, client.NOT_IN_PROGRESS):
            raise
        return error.refusal.code == client.NOT_FOUND
    state = state_of(decode(told, wire.CALL).status)
    return state is not None and state.ended
