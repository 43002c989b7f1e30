"""Launcher inside the Python of Glue jobs: `launch.py ERROR_FILE SCRIPT [ARGUMENT ...]`.

Like Glue's own launcher, it runs the script as __main__ and keeps the message of a failure, which becomes the
ErrorMessage of the job run. The emulator holds the other end of standard input: if the emulator dies, the job dies as
well. Imports the standard library only.
"""

import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType


def _exit_with_the_emulator() -> None:
    os.read(0, 1)  # returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"  # like Glue, without the module of the class


def _run(error_file: Path, script: str, arguments: list[str]) -> int:
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)  # replaces the folder of this file
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as exited:
        if exited.code in (None, 0):
            return 0
        error_file.write_text(f"SystemExit: {exited.code}")
        if isinstance(exited.code, int):
            return exited.code
        print(exited.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - any exception is the error of this run
        traceback.print_exception(error.with_traceback(_traceback_from_script(error, script)))
        error_file.write_text(_describe(error))
        return 1
    return 0


def _traceback_from_script(error: BaseException, script: str) -> TracebackType | None:
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename != script:
        frame = frame.tb_next
    return frame or error.__traceback__


if __name__ == "__main__":
    threading.Thread(target=_exit_with_the_emulator, daemon=True).start()
    sys.exit(_run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
