"""Asks the example manual, the way a product would: open, take the manual in once, ask, show the page.

    python ask_the_manual.py                               three questions of the workshop
    python ask_the_manual.py "What does P0AA6 mean?"       yours

The knowledge base lies in ``kb/`` beside this file unless ``--kb`` names another folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import ragedge

HERE = Path(__file__).resolve().parent
QUESTIONS = (
    "How long do I wait after pulling the service plug of a Plug-in?",
    "Which fuse protects the fuel pump?",
    "What is the oil capacity of the diesel?",
)


def show(question: str, answer: ragedge.Answer) -> None:
    """Print warnings first: they guard what the answer tells the reader to do."""
    print(f"\n{question}")
    for notice in answer.safety:
        print(f"  ! {notice.text}")
    print(f"  {answer}")
    for page in dict.fromkeys(str(citation) for citation in answer.citations):
        print(f"  [{page}]")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Ask the Quillane Sarrow service manual.")
    parser.add_argument("questions", nargs="*", default=QUESTIONS, metavar="QUESTION")
    parser.add_argument("--kb", type=Path, default=HERE / "kb", help="folder of the knowledge base")
    options = parser.parse_args()
    try:
        with ragedge.open(options.kb, create=True, config=HERE / "ragedge.toml") as kb:
            kb.ingest(
                HERE / "manual.pdf"
            )  # unchanged files are skipped, so this is cheap from the second run on
            for question in options.questions:
                show(question, kb.ask(question))
    except ragedge.RagedgeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
