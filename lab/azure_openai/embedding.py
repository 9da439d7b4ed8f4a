"""Azure's embeddings (learn.microsoft.com/azure/ai-foundry/openai/reference#embeddings)."""

from lab.azure_openai.client import answer, asked, deployed, dressed, refuse
from lab.http import Call, Response
from lab.openai.embedding import DEFAULT, FIELDS, embedded
from lab.openai.traits import EMBEDDING
from lab.openai.values import known


def embed(call: Call) -> Response:
    """POST …/embeddings. A deployment called like no model there is has an ordinary one behind it. Raises `Refused`."""
    with dressed(call):
        body, _ = asked(call)
        known(call, body, FIELDS)
        name = call.asked.base
        if name not in EMBEDDING and deployed(call).reasoning != "never":
            words = "The embeddings operation does not work with the specified model."
            refuse(call, 400, "OperationNotSupported", words)
        return answer(call, embedded(call, body, name if name in EMBEDDING else DEFAULT))
