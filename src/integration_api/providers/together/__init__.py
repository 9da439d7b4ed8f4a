"""Together: open models, hosted. https://docs.together.ai/reference/chat-completions-1"""

from integration_api.dialects import openai_chat, openai_embedding, openai_family

PLACE = openai_family.Place("together", "https://api.together.xyz/v1")

DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    fields=frozenset({"compliance", "context_length_exceeded_behavior", "echo", "frequency_penalty", "logit_bias",
                      "max_tokens", "messages", "min_p", "model", "n", "parallel_tool_calls", "reasoning",
                      "presence_penalty", "reasoning_effort", "repetition_penalty", "response_format", "safety_model",
                      "seed", "stop", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_k",
                      "top_p", "user", "chat_template_kwargs"}),
    # Its log-probabilities have a shape of their own, and are not asked for.
    spelling={"max_completion_tokens": "max_tokens"},
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
    think_tags=True,
    finish_reasons=openai_chat.OPEN_FINISH_REASONS,
)  # fmt: skip

TOGETHER = openai_family.provider(
    PLACE,
    "Together AI",
    DIALECT,
    aliases=("togetherai",),
    parameters=(
        "min_p",
        "reasoning_effort",
        "repetition_penalty",
        "safety_model",
        "top_k",
        "chat_template_kwargs",
    ),
    embedding=openai_embedding.EmbeddingDialect(
        provider=PLACE.name, url=PLACE.embeddings, encoding=None, fields=frozenset(), tokens=False
    ),
)
