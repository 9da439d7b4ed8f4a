"""A provider inside this service: free, local, and always the same answer to the same question.

It asks nobody, so it needs no key and no network. By model:

- `echo`, and any other name: repeats the last thing the user said, word by word.
- `reasoner`: thinks first, in signed reasoning that must come back unaltered.
- `tools`: calls the tools offered, with arguments made from their schemas (two
  calls at once where that is allowed), and answers in text once it has results.
- `cut`: a stream that breaks off after three words.
- `fail-<kind>`: the failure of that kind, such as `fail-rate_limited`.
- `embed`, `rerank`, `moderation`: hashed words, shared words, and a short list of bad ones.

A JSON schema is answered with an instance of it, a picture with its kind and
number. One word is one token: usage, `max_output_tokens` and stop sequences count so.
"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Llm, Provider
from integration_api.providers.sandbox import account, embedding, llm, moderation, reranking

SANDBOX = Provider(
    name="sandbox",
    title="Sandbox",
    fields=(BASE_URL,),
    verify=account.verify,
    fault=account.fault,
    llm=Llm(llm.complete, llm.stream),
    embedding=embedding.embed,
    reranking=reranking.rerank,
    moderation=moderation.moderate,
    models=account.models,
)
