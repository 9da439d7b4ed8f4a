"""GPT, by OpenAI. https://platform.openai.com/docs/api-reference"""

from integration_api.core.credential import BASE_URL, KEY
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.providers.openai import (
    batch_stt,
    client,
    embedding,
    formats,
    llm,
    models,
    moderation,
    relay_stt,
    relay_tts,
    rest_tts,
    stt,
    verify_credential,
)

OPENAI = Provider(
    name=client.NAME,
    title="OpenAI",
    fields=(KEY, BASE_URL, client.ORGANIZATION, client.PROJECT),
    verify=verify_credential.verify,
    fault=client.fault,
    connections=("chat_complete", "chat_response", "websocket"),
    parameters=(
        "audio",
        "logit_bias",
        "metadata",
        "modalities",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "store",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    moderation=moderation.moderate,
    models=models.models,
    stt=Stt(
        takes=formats.takes,
        listen=stt.Transcription,
        transcribe=batch_stt.transcribe,
        relay=relay_stt.RELAY,
    ),
    tts=Tts(
        gives=rest_tts.gives, speak=rest_tts.speak, voices=rest_tts.voices, relay=relay_tts.RELAY, ssml=False
    ),
)
