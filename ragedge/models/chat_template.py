"""Turns a conversation into a model's prompt, by the template that came with the model.

A template is code from whoever made the file: it runs in ``chat_template_sandbox`` and sees the messages,
two token strings and nothing else, no clock included, so equal conversations give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragedge.datatypes import Message
from ragedge.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
"""For a model that has neither a template nor turn tokens: a base model continues a transcript."""


class ChatTemplate:
    """A compiled chat template. Use one per thread."""

    def __init__(self, text: str) -> None:
        from jinja2 import TemplateError

        from ragedge.models.chat_template_sandbox import LimitError, Sandbox

        try:
            self._render: Callable[[dict[str, Any]], str] = Sandbox().prepare(
                text if text.strip() else PLAIN_TEMPLATE
            )
        except LimitError as exc:
            raise ModelIntegrityError(f"the model's chat template is refused: {exc}", hint=_HINT) from None
        except (TemplateError, RecursionError, MemoryError, SyntaxError, ValueError) as exc:
            raise ModelIntegrityError(
                f"the model's chat template does not compile ({type(exc).__name__})", hint=_HINT
            ) from None

    def render(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        bos_token: str = "",
        eos_token: str = "",
    ) -> str:
        """Render a conversation.

        Args:
            messages: In order.
            add_generation_prompt: End where the model is to begin its answer.
            bos_token: The text of the beginning-of-text token; a template that writes it does so itself.
            eos_token: The text of the end-of-text token.

        Raises:
            ModelIntegrityError: the template fails on this conversation or breaks a limit. The message holds
                neither the conversation nor the template's own words.
        """
        from ragedge.models.chat_template_sandbox import LimitError

        variables = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "add_generation_prompt": add_generation_prompt,
            "bos_token": bos_token,
            "eos_token": eos_token,
            "tools": None,  # templates test them, and expect both to be there
            "documents": None,
        }
        try:
            return self._render(variables)
        except LimitError as exc:
            raise ModelIntegrityError(f"the model's chat template was stopped: {exc}", hint=_HINT) from None
        except Exception as exc:  # a hostile template can raise anything
            raise ModelIntegrityError(
                f"the model's chat template failed ({type(exc).__name__}) on {len(messages)} messages",
                hint=_HINT,
            ) from None


_HINT = "put another template into the model folder's chat_template.jinja and import it again"
