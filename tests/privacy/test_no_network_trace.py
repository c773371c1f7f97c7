"""Every command but ``models pull``, native code included, traced in an empty network namespace: no attempt.

The proof that the guard cannot give: ``strace`` sees every system call of the command and its children. A test
that cannot trace fails; CI installs what it needs.
"""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import click
import httpx
import pytest

from ragedge.cli.main import cli

pytestmark = pytest.mark.slow

MANUAL = """# Pump P-7

## Torque

The drain plug torque is 35 N·m. WARNING: let the pump cool down before work.

| Part | Torque |
| --- | --- |
| Drain plug | 35 N·m |
| Cover bolt | 12 N·m |
"""

# `tune` wants at least 20 questions: these ask for each of the two parts.
WORDS = (
    "What is the torque of the", "Which torque for the", "How tight is the", "Torque of the", "Tighten the",
    "How many N·m for the", "What torque does the pump need at the", "Value for the", "Look up the", "Find the",
)  # fmt: skip

# Every command and what it is traced with; {kb} holds the manual, {work} is an empty folder.
COMMANDS = {
    "ingest": ["{manual}", "--kb", "{work}/kb"],
    "search": ["drain plug torque", "--kb", "{kb}"],
    "ask": ["What is the torque of the drain plug?", "--kb", "{kb}"],
    "chat": ["--kb", "{kb}"],
    "adapter add": ["quiet", "{work}/nothing", "--kb", "{kb}"],
    "adapter list": ["--kb", "{kb}"],
    "adapter remove": ["quiet", "--kb", "{kb}"],
    "serve": ["--kb", "{kb}", "--socket", "{work}/s", "--json"],
    "status": ["--kb", "{kb}"],
    "inspect": ["manual.md", "--kb", "{kb}"],
    "remove": ["manual.md", "--kb", "{spent}"],
    "models list": [],
    "models import": ["{work}/nothing.gguf"],
    "models export": ["minilm-l6", "--for", "hailo", "--texts", "{manual}", "--out", "{work}/for_hailo"],
    "models verify": [],
    "models quantize": ["smollm2-135m", "--scheme", "round4", "--name", "traced", "--force"],
    "models remove": ["nothing"],
    "backends list": [],
    "backends check": ["openvino", "--texts", "{manual}", "--count", "2", "--length", "32"],
    "backends compile": ["openvino", "--texts", "{manual}"],
    "bench": ["--prompt-tokens", "8", "--new-tokens", "2", "--rounds", "1"],
    "index rebuild": ["--kb", "{kb}"],
    "eval": ["{questions}", "--kb", "{kb}"],
    "feedback add": ["drain plug torque", "--kb", "{kb}", "--source", "manual.md", "--right"],
    "feedback list": ["--kb", "{kb}"],
    "feedback remove": ["99", "--kb", "{kb}"],
    "feedback export": ["{work}/out.jsonl", "--kb", "{kb}", "--yes"],
    "tune": ["{questions}", "--kb", "{kb}", "--trials", "2"],
    "key encrypt": ["--kb", "{copy}", "--to", "{work}/sealed", "--keep", "--passphrase-file", "{words}"],
    "key change": ["--kb", "{sealed}", "--passphrase-file", "{words}", "--new-passphrase-file", "{words}"],
    "key rotate": ["--kb", "{sealed}", "--passphrase-file", "{words}"],
    "key shred": ["--kb", "{spare}", "--yes"],
    "redaction check": ["{manual}"],
    "redaction reveal": ["[email 3f9a2c41d0]", "--kb", "{kb}"],
    "audit verify": ["--kb", "{kb}"],
    "audit show": ["--kb", "{kb}"],
    "audit export": ["{work}/log.jsonl", "--kb", "{kb}", "--yes"],
    "bundle key": ["{work}/maker.key"],
    "bundle create": [
        "--kb",
        "{small}",
        "--out",
        "{work}/bundle",
        "--name",
        "pump",
        "--release",
        "3",
        "--sign-with",
        "{signer}",
    ],
    "bundle verify": ["{bundle}", "--trust", "{signer}.pub"],
    "bundle install": ["{bundle}", "--to", "{work}/slots", "--trust", "{signer}.pub"],
    "bundle rollback": ["{slots}"],
    "doctor": ["--kb", "{kb}"],
    "mcp": ["--kb", "{kb}"],
    "voice": ["--kb", "{kb}", "--wav", "{spoken}", "--out", "{work}/answer.wav"],
    "demo": ["{manual}", "--kb", "{work}/demo", "--question", "What is the torque of the cover bolt?"],
}
REFUSED = {
    "adapter add",
    "adapter remove",
    "models import",
    "models remove",
}  # traced on what is not there: they end with 1, and one line
NETWORKED = {"models pull"}

SOCKET = re.compile(r"\bsocket\((\w+)")
ADDRESS = re.compile(r"\b(?:connect|sendto|sendmsg|bind)\(\d+, .*(?:sa_family=(\w+))")


def leaves(group, prefix=""):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def test_every_command_is_traced():
    assert set(leaves(cli)) == set(COMMANDS) | NETWORKED


@pytest.fixture(scope="module")
def places(tmp_path_factory, minilm_dir, smollm2_dir, speech_models):
    for tool in ("strace", "unshare"):
        assert shutil.which(tool), f"{tool} is needed to trace: apt-get install strace util-linux"
    work = tmp_path_factory.mktemp("trace")
    manual = work / "manual.md"
    manual.write_text(MANUAL, encoding="utf-8")
    questions = work / "questions.jsonl"
    asked = [
        {
            "id": str(n),
            "question": f"{word} {part}?",
            "source": "manual.md",
            "facts": [fact],
            "answerable": True,
        }
        for n, (word, (part, fact)) in enumerate(
            itertools.product(WORDS, (("drain plug", "35"), ("cover bolt", "12")))
        )
    ]
    questions.write_text("".join(json.dumps(item) + "\n" for item in asked), encoding="utf-8")
    spoken = work / "question.wav"
    subprocess.run(["espeak-ng", "-w", str(spoken), "What is the torque of the drain plug?"], check=True)
    words = work / "words"
    words.write_text("three blue gaskets\n", encoding="utf-8")
    folders = {name: work / name for name in ("kb", "copy", "spent", "spare", "sealed", "small")}
    for name, folder in folders.items():
        ragedge = [sys.executable, "-m", "ragedge", "ingest", str(manual), "--kb", str(folder)]
        encrypted = ["--encrypt", "--passphrase-file", str(words)] if name == "sealed" else []
        environment = os.environ | {"RAGEDGE_HOME": str(minilm_dir.parent.parent)}
        subprocess.run([*ragedge, *encrypted], check=True, capture_output=True, timeout=120, env=environment)
    (folders["small"] / "ragedge.toml").write_text('[generate]\ngenerator = "none"\n')
    packed = two_releases(work, folders["small"], environment)
    return {
        **packed,
        "home": minilm_dir.parent.parent,
        "manual": manual,
        "spoken": spoken,
        "questions": questions,
        "words": words,
        **folders,
    }


def two_releases(work, kb, environment):
    """Make two bundles and install both."""
    made = {"signer": work / "maker.key", "bundle": work / "bundle", "slots": work / "slots"}
    trust = ["--trust", f"{made['signer']}.pub"]
    commands = [["key", made["signer"]]]
    for release, file in ((1, work / "first"), (2, made["bundle"])):
        commands.append(["create", "--kb", kb, "--out", file, "--name", "pump", "--release", release,
                         "--sign-with", made["signer"]])  # fmt: skip
        commands.append(["install", file, "--to", made["slots"], *trust])
    for command in commands:
        words = [sys.executable, "-m", "ragedge", "bundle", *map(str, command)]
        subprocess.run(words, check=True, capture_output=True, timeout=120, env=environment)
    return made


def trace(arguments, log, home, meanwhile=None):
    """Run ``python ARGUMENTS`` in an empty network namespace; return it and its network system calls.

    ``meanwhile`` is called with the first line that it prints; without it, questions are put in.
    """
    process = subprocess.Popen(
        ["unshare", "--map-root-user", "--net", "strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=%network",
         "-o", str(log), sys.executable, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"RAGEDGE_HOME": str(home)},
    )  # fmt: skip
    with process:
        if meanwhile is not None:
            meanwhile(process.stdout.readline())
        put_in = None if meanwhile else "What is the torque of the drain plug?\nand of the cover bolt?\n"
        out, errors = process.communicate(put_in, timeout=240)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, errors)
    return done, log.read_text(encoding="utf-8", errors="replace").splitlines()


def ask_and_stop(line):
    """Ask a server over its Unix socket, then tell it to stop."""
    told = json.loads(line)
    with httpx.Client(transport=httpx.HTTPTransport(uds=told["listening"][0]), timeout=120) as client:
        answer = client.post(
            "http://any/ragedge/v1/ask", json={"question": "What is the torque of the drain plug?"}
        )
    os.kill(told["pid"], signal.SIGTERM)
    assert "35 N·m" in answer.json()["text"]


def attempts(lines):
    """Return the calls that could reach another host: any socket but a Unix one, any address but its."""
    families = ((SOCKET.search(line) or ADDRESS.search(line), line) for line in lines)
    return [line for match, line in families if match and match.group(1) not in ("AF_UNIX", "AF_LOCAL")]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_attempt(command, places, tmp_path):
    filled = [part.format(**{**places, "work": tmp_path}) for part in COMMANDS[command]]
    meanwhile = ask_and_stop if command == "serve" else None
    arguments = ["-m", "ragedge", *command.split(), *filled]
    done, lines = trace(arguments, tmp_path / "calls.log", places["home"], meanwhile)
    assert done.returncode == (1 if command in REFUSED else 0), done.stderr
    assert attempts(lines) == []


def test_the_trace_sees_an_attempt(tmp_path):
    # ctypes calls libc by itself: no audit hook of Python's sees it, the trace does.
    code = "import ctypes; libc = ctypes.CDLL(None); libc.socket(2, 2, 0)"
    _, lines = trace(["-c", code], tmp_path / "calls.log", tmp_path)
    assert len(attempts(lines)) == 1


def test_the_guard_refuses_before_the_kernel_is_asked(places, tmp_path):
    done, lines = trace(
        ["-m", "ragedge", "doctor", "--privacy", "--json", "--kb", str(places["kb"])],
        tmp_path / "calls.log",
        places["home"],
    )
    assert '"name": "guard", "ok": true' in done.stdout
    # It makes the socket that it then may not connect.
    assert [line for line in lines if "connect(" in line or "sendto(" in line] == []
