"""One process with Apache Spark for all tests that want one: starting Java and warming it up takes longer than they do.

python -m engagement_assets_tests.apache_spark   # takes jobs from its standard input, a line of JSON each
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engagement_assets_tests import PROJECT
from engagement_assets_tests.servers import fresh_environment

_SECONDS_TO_STOP = 20

#: Each query runs once or twice, over few rows: code that is compiled well costs more than it saves.
_COMPILED_QUICKLY = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


class SparkProcess:
    """A process apart, since Spark's sessions and Spark Connect's share none; each job starts and stops its own session."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    def run(self, module: str, *arguments: Any, seconds: float = 800) -> Any:
        """What the function `main` of a module of the tests returns; AssertionError with its traceback if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(seconds, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps([module, *arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        said = self._log.read_text(errors="replace")[-3000:]
        assert line, f"Apache Spark's process is gone, or took more than {seconds} s over {module}:\n{said}"
        answer = json.loads(line)
        assert "error" not in answer, f"{answer['error']}\n{said}"
        return answer["found"]


@contextmanager
def spark_process(log: Path) -> Iterator[SparkProcess]:
    """Start the process, which says what it has to say in `log`; it ends when the block is left."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "engagement_assets_tests.apache_spark"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=PROJECT,
            env={**fresh_environment(), "TZ": "UTC", "JAVA_TOOL_OPTIONS": _COMPILED_QUICKLY},
        )
    with process:
        try:
            yield SparkProcess(process, log)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Do the jobs one after the other, and answer each with a line; what they print goes to where errors go."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # Java's output, too
        for line in sys.stdin:
            module, *arguments = json.loads(line)
            try:
                answer = {"found": importlib.import_module(module).main(*arguments)}
            except Exception:
                answer = {"error": traceback.format_exc()}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
