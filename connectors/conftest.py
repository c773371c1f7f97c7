"""Tests of the connectors get what the project's own tests get: no network, an empty home, pulled models."""

from tests.conftest import (  # noqa: F401 -- fixtures
    home_with_embedder,
    home_with_models,
    isolated_environment,
    minilm_dir,
    no_network,
    smollm2_dir,
    smollm2_gguf,
    speech_models,
)
